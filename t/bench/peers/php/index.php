<?php
// A peer of `make bench`: PHP-FPM with a persistent connection and bound parameters, one round trip a request.
$db = pg_pconnect(getenv('BENCH_DATABASE'));
[, $what, $id] = explode('/', strtok($_SERVER['REQUEST_URI'], '?'));
$columns = 'id, client, external_id, vendor_id, name, category, price, in_stock, tags, updated_at';
$sql = [
    'products' => "SELECT $columns FROM api.v_products_v1 WHERE id = $1",
    'range'    => "SELECT $columns FROM api.v_products_v1 WHERE id >= $1 ORDER BY id LIMIT 100",
    'embed'    => 'SELECT p.id, p.name, p.price, v.id AS vendor_id, v.name AS vendor_name FROM api.v_products_v1 p
                   LEFT JOIN api.v_vendors_v1 v ON v.id = p.vendor_id WHERE p.id >= $1 ORDER BY p.id LIMIT 20',
    'vendor'   => "SELECT $columns FROM api.v_products_v1 WHERE vendor_id = $1 ORDER BY id LIMIT 20",
    'count'    => "SELECT $columns, count(*) OVER () AS total FROM api.v_products_v1 WHERE vendor_id = $1 ORDER BY id LIMIT 20",
];
header('Content-Type: application/json');
$result = isset($sql[$what]) ? pg_query_params($db, $sql[$what], [$id]) : false;
if (!$result) {
    http_response_code(404);
    exit('{"message":"not found"}');
}

function typed(array $row): array
{
    foreach (['id', 'vendor_id'] as $key)
        if (isset($row[$key]))
            $row[$key] = (int) $row[$key];
    if (isset($row['price']))
        $row['price'] = (float) $row['price'];
    if (isset($row['in_stock']))
        $row['in_stock'] = $row['in_stock'] === 't';
    if (isset($row['tags']))
        $row['tags'] = json_decode($row['tags']);
    return $row;
}

$rows = [];
while ($row = pg_fetch_assoc($result)) {
    if ($what === 'embed') {
        $vendor = $row['vendor_id'] === null ? null : ['id' => (int) $row['vendor_id'], 'name' => $row['vendor_name']];
        unset($row['vendor_id'], $row['vendor_name']);
        $row['vendor'] = $vendor;
    } elseif ($what === 'count') {
        $total = $row['total'];
        unset($row['total']);
    }
    $rows[] = typed($row);
}
if ($what === 'count')
    header('Content-Range: ' . ($rows ? '0-' . (count($rows) - 1) . "/$total" : '*/0'));
echo json_encode($what === 'products' ? $rows[0] ?? null : $rows, JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES);
