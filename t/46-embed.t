# Embeds and aggregates on a real Postgres: each answer is held against plain SQL that asks for the same in another way.
use strict;
use warnings;
use JSON::PP ();
use Oriel::Stack;
use Oriel::Test;
use Test::More;

my $expand = <<'END';
CREATE TABLE dp.vendor (id integer PRIMARY KEY, name text, country text, rating numeric(4,1), data jsonb);
CREATE TABLE dp.category (id integer PRIMARY KEY, name text, parent_id integer REFERENCES dp.category);
CREATE TABLE dp.product (id integer PRIMARY KEY, name text, price numeric(8,2), category_id integer REFERENCES dp.category,
    seller_id integer REFERENCES dp.vendor, maker_id integer REFERENCES dp.vendor, sizes integer[], at timestamptz, doc json);
CREATE TABLE dp.batch (id integer PRIMARY KEY, product_id integer REFERENCES dp.product, lot text, quantity integer);
CREATE TABLE dp.sheet (product_id integer PRIMARY KEY REFERENCES dp.product, weight numeric);
CREATE TABLE dp.tag (country text, code integer, name text, PRIMARY KEY (country, code));
CREATE TABLE dp.product_tag (product_id integer REFERENCES dp.product, country text, code integer, note text,
    FOREIGN KEY (country, code) REFERENCES dp.tag, PRIMARY KEY (product_id, country, code, note));
CREATE INDEX ON dp.product (category_id);
CREATE INDEX ON dp.product (seller_id);
CREATE INDEX ON dp.batch (product_id);
INSERT INTO dp.vendor SELECT i, 'vendor ' || i, CASE i % 4 WHEN 0 THEN NULL ELSE (ARRAY['NO', 'SE', 'DK'])[i % 4] END, i / 10.0,
    jsonb_build_object('a', i, 'n', NULL) FROM generate_series(1, 2000) i;
INSERT INTO dp.category VALUES (1, 'all', NULL), (2, 'tools', 1), (3, 'saws', 2), (4, 'empty', 1);
INSERT INTO dp.product SELECT i, 'product "' || i || '" ä', i * 1.5, nullif(i % 4, 0), nullif(i % 50, 0), 1 + i % 7,
    CASE WHEN i % 3 = 0 THEN NULL ELSE ARRAY[i, i + 1] END, '2026-01-01Z'::timestamptz + i * interval '1 hour', '{"k": [1, null]}'
    FROM generate_series(1, 3000) i;
INSERT INTO dp.batch SELECT i, 1 + i % 200, CASE WHEN i % 5 > 0 THEN 'lot ' || i % 3 END, i % 11 FROM generate_series(1, 900) i;
INSERT INTO dp.sheet SELECT i, i / 3.0 FROM generate_series(2, 3000, 2) i;
INSERT INTO dp.tag SELECT c, i, c || i FROM unnest(ARRAY['NO', 'SE']) c, generate_series(1, 3) i;
INSERT INTO dp.product_tag SELECT i, CASE WHEN i % 2 = 0 THEN 'NO' ELSE 'SE' END, 1 + (i + k) % 3, n
    FROM generate_series(1, 300) i, generate_series(1, 2) k, unnest(ARRAY['x', 'y']) n;
CREATE VIEW api.v_vendors_v1 AS SELECT v.id, v.name, v.country, v.rating, v.data FROM dp.vendor v;
CREATE VIEW api.v_categories_v1 AS SELECT c.id, c.name, c.parent_id FROM dp.category c;
CREATE VIEW api.v_products_v1 AS SELECT p.id, p.name, p.price, p.category_id, p.seller_id, p.maker_id, p.sizes, p.at, p.doc FROM dp.product p;
CREATE VIEW api.v_batches_v1 AS SELECT b.id, b.product_id, b.lot, b.quantity FROM dp.batch b;
CREATE VIEW api.v_batches_v2 AS SELECT b.id, b.product_id, b.quantity FROM dp.batch b;
CREATE VIEW api.v_sheets_v1 AS SELECT s.product_id, s.weight FROM dp.sheet s;
CREATE VIEW api.v_tags_v1 AS SELECT t.country, t.code, t.name FROM dp.tag t;
CREATE VIEW api.v_taggings_v1 AS SELECT t.product_id, t.country, t.code, t.note FROM dp.product_tag t;
CREATE VIEW api.v_notes_v1 AS SELECT t.product_id, t.note FROM dp.product_tag t;
COMMENT ON VIEW api.v_vendors_v1 IS E'Vendors.\n@primaryKey id';
COMMENT ON VIEW api.v_categories_v1 IS E'Categories.\n@primaryKey id\n@foreignKey (parent_id) references v_categories_v1 (id)|@name parent';
COMMENT ON VIEW api.v_products_v1 IS E'Products.\n@primaryKey id\n@foreignKey (category_id) references v_categories_v1 (id)|@name category\n@foreignKey (seller_id) references v_vendors_v1 (id)|@name seller\n@foreignKey (maker_id) references v_vendors_v1 (id)';
COMMENT ON VIEW api.v_batches_v1 IS E'Batches.\n@primaryKey id\n@foreignKey (product_id) references v_products_v1 (id)|@name product';
COMMENT ON VIEW api.v_batches_v2 IS E'Batches.\n@primaryKey id\n@foreignKey (product_id) references v_products_v1 (id)|@name product';
COMMENT ON VIEW api.v_sheets_v1 IS E'Sheets.\n@primaryKey product_id\n@foreignKey (product_id) references v_products_v1 (id)';
COMMENT ON VIEW api.v_tags_v1 IS E'Tags.\n@primaryKey country, code';
COMMENT ON VIEW api.v_taggings_v1 IS E'Taggings.\n@primaryKey product_id, country, code, note\n@foreignKey (product_id) references v_products_v1 (id)\n@foreignKey (country, code) references v_tags_v1 (country, code)';
COMMENT ON VIEW api.v_notes_v1 IS E'Notes, which have no key.\n@noKey\n@foreignKey (product_id) references v_products_v1 (id)';
GRANT SELECT ON ALL TABLES IN SCHEMA api TO oriel_ds;
ANALYZE dp.vendor, dp.product, dp.batch, dp.product_tag;
END
my $s = Oriel::Stack->new(
    domain   => { 'sql/changes/0001-shop/expand.sql' => $expand },
    settings => { responder => { aggregates => JSON::PP::true, maxRows => 50, maxDepth => 4 } },
    start    => [],
);
my $postgres_log = "$s->{folder}/log/postgres.log";
$s->sql("ALTER ROLE oriel_ds SET session_preload_libraries = 'auto_explain'");
$s->sql("ALTER ROLE oriel_ds SET auto_explain.log_min_duration = 0");
$s->start($_) for qw(responders nginx);
my $client = $s->client;
wait_until { $client->get('/v1/vendors?limit=1')->{status} == 200 } 'the first answer';

my $json = JSON::PP->new->utf8->canonical->allow_nonref->allow_bignum;

# The answer to a query of products (or of another entity) is what the SQL says, which gives one JSON text.
sub same {
    my ($name, $target, $sql, @headers) = @_;
    $target = "/v1/products?$target" unless $target =~ m{^/};
    my $r        = $client->get($target, @headers);
    my $expected = $s->sql($sql) || '[]';
    my ($got, $want) = map { eval { $json->encode($json->decode($_)) } // "no JSON: $_" } $r->{body}, $expected;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ok($r->{status} =~ /^20[06]$/ && $got eq $want && length $want > 10, $name)
        or diag("$target: $r->{status}\ngot:      " . substr($got, 0, 600) . "\nexpected: " . substr($want, 0, 600));
    return $r;
}

# --- to-one ---
my $page = 'FROM dp.product p LEFT JOIN dp.vendor v ON v.id = p.seller_id LEFT JOIN dp.category c ON c.id = p.category_id';
for my $way ('seller(name,country)', 'seller:vendors!seller(name,country)', 'seller:vendors!seller_id(name,country)', 'seller:seller_id(name,country)') {
    same("many-to-one: $way", "select=id,$way&id=in.(49,50,51)&order=id",
        "SELECT json_agg(json_build_object('id', p.id, 'seller', CASE WHEN v.id IS NOT NULL THEN json_build_object('name', v.name, 'country', v.country) END) ORDER BY p.id) $page WHERE p.id IN (49, 50, 51)");
}
same('all columns of every kind, aliases, casts and paths',
    'select=id,seller(*,no:rating::text,a:data->a,data->>n),categories(name)&id=lte.8&order=id.desc',
    "SELECT json_agg(x ORDER BY id DESC) FROM (SELECT p.id, (SELECT json_build_object('id', v.id, 'name', v.name, 'country', v.country, 'rating', v.rating, 'data', v.data, 'no', v.rating::text, 'a', v.data->'a', 'n', v.data->>'n') FROM dp.vendor v WHERE v.id = p.seller_id) AS seller, (SELECT row_to_json(q) FROM (SELECT c.name FROM dp.category c WHERE c.id = p.category_id) q) AS categories FROM dp.product p WHERE p.id <= 8) x");
same('one-to-one is an object', 'select=id,sheets(weight)&id=lte.4&order=id',
    "SELECT json_agg(json_build_object('id', p.id, 'sheets', CASE WHEN s.product_id IS NOT NULL THEN json_build_object('weight', s.weight) END) ORDER BY p.id) FROM dp.product p LEFT JOIN dp.sheet s ON s.product_id = p.id WHERE p.id <= 4");
is($client->get('/v1/products/50?select=id,seller(name),category(name,parent(name))')->{body},
    '{"id":50,"seller":null,"category":{"name":"tools","parent":{"name":"all"}}}', 'one row, with nulls, to the byte');
is($client->get('/v1/products?id=eq.1&select=id,doc,seller(country,data)', 'Accept', 'application/json;nulls=stripped')->{body},
    '[{"id":1,"doc":{"k":[1,null]},"seller":{"country":"NO","data":{"a":1}}}]', 'nulls are stripped inside of embeds');

# --- to-many ---
same('one-to-many is an array, empty where there is none', 'select=id,batches(id,lot)&id=in.(200,201,202)&order=id&batches.order=id',
    "SELECT json_agg(json_build_object('id', p.id, 'batches', coalesce((SELECT json_agg(json_build_object('id', b.id, 'lot', b.lot) ORDER BY b.id) FROM dp.batch b WHERE b.product_id = p.id), '[]')) ORDER BY p.id) FROM dp.product p WHERE p.id IN (200, 201, 202)");
same('with its own filters, order, limit and offset',
    'select=id,batches(id)&id=lte.20&order=id&batches.lot=neq.lot+0&batches.order=quantity.desc,id&batches.limit=2&batches.offset=1',
    "SELECT json_agg(json_build_object('id', p.id, 'batches', coalesce(b.list, '[]')) ORDER BY p.id) FROM dp.product p LEFT JOIN (SELECT product_id, json_agg(json_build_object('id', id) ORDER BY n) AS list FROM (SELECT *, row_number() OVER (PARTITION BY product_id ORDER BY quantity DESC, id) AS n FROM dp.batch WHERE lot <> 'lot 0') b WHERE n IN (2, 3) GROUP BY product_id) b ON b.product_id = p.id WHERE p.id <= 20");
same('a tree of conditions', 'select=id,b:batches(id)&id=lte.10&order=id&b.order=id&b.or=(lot.is.null,and(quantity.gt.3,quantity.lt.6))&b.not.and=(id.gt.500)',
    "SELECT json_agg(json_build_object('id', p.id, 'b', coalesce((SELECT json_agg(json_build_object('id', b.id) ORDER BY b.id) FROM dp.batch b WHERE b.product_id = p.id AND (b.lot IS NULL OR b.quantity IN (4, 5)) AND b.id <= 500), '[]')) ORDER BY p.id) FROM dp.product p WHERE p.id <= 10");
{
    my $r = $client->get('/v1/vendors?select=id,products!maker_id(id)&id=eq.1');
    is(scalar @{ $r->{json}[0]{products} }, 50, 'the maximum of rows holds for an embed');
    $r = $client->get('/v1/vendors/1?select=id,products!maker_id(id)&products.limit=60&products.order=id.desc');
    is(scalar @{ $r->{json}{products} }, 50, 'and for one that asks for more');
    $r = $client->get('/v1/products?select=id,b:batches(id)&b.limit=-1');
    is("$r->{status} $r->{json}{code}", '416 PGRST103', 'a negative limit of an embed');
    $r = $client->get('/v1/products?select=id,batches(lot)&limit=1&order=id');
    ok(exists $r->{json}[0]{batches}[0]{lot}, 'of two versions of an entity the one of the own version is embedded');
}
same('many-to-many, each end once, over a key of two columns', 'select=id,tags(name)&id=in.(1,2,299,301)&order=id&tags.order=name',
    "SELECT json_agg(json_build_object('id', p.id, 'tags', coalesce((SELECT json_agg(json_build_object('name', n) ORDER BY n) FROM (SELECT DISTINCT t.name AS n FROM dp.product_tag pt JOIN dp.tag t USING (country, code) WHERE pt.product_id = p.id) x), '[]')) ORDER BY p.id) FROM dp.product p WHERE p.id IN (1, 2, 299, 301)");
same('and back', '/v1/tags?select=name,products(id)&order=name&products.order=id&products.limit=3',
    "SELECT json_agg(json_build_object('name', t.name, 'products', (SELECT json_agg(json_build_object('id', id) ORDER BY id) FROM (SELECT DISTINCT product_id AS id FROM dp.product_tag pt WHERE pt.country = t.country AND pt.code = t.code ORDER BY 1 LIMIT 3) x)) ORDER BY t.name) FROM dp.tag t");
same('a contract that refers to itself', '/v1/categories?select=name,parent(name),categories(name)&order=id&categories.order=id',
    "SELECT json_agg(json_build_object('name', c.name, 'parent', CASE WHEN p.id IS NOT NULL THEN json_build_object('name', p.name) END, 'categories', coalesce((SELECT json_agg(json_build_object('name', k.name) ORDER BY k.id) FROM dp.category k WHERE k.parent_id = c.id), '[]')) ORDER BY c.id) FROM dp.category c LEFT JOIN dp.category p ON p.id = c.parent_id");
same('nested, with conditions below',
    '/v1/categories?select=name,products(id,seller(country),batches(id))&order=id&products.id=lte.300&products.limit=4&products.order=price.desc&products.batches.order=id&products.batches.limit=1&products.seller.country=eq.NO',
    "SELECT json_agg(json_build_object('name', c.name, 'products', coalesce((SELECT json_agg(json_build_object('id', p.id, 'seller', CASE WHEN v.id IS NOT NULL THEN json_build_object('country', v.country) END, 'batches', coalesce((SELECT json_build_array(json_build_object('id', min(b.id))) FROM dp.batch b WHERE b.product_id = p.id HAVING count(*) > 0), '[]')) ORDER BY p.price DESC) FROM (SELECT * FROM dp.product WHERE category_id = c.id AND id <= 300 ORDER BY price DESC LIMIT 4) p LEFT JOIN dp.vendor v ON v.id = p.seller_id AND v.country = 'NO'), '[]')) ORDER BY c.id) FROM dp.category c");

# --- what an embed does to the rows above it ---
same('!inner', 'select=id,seller!inner(name)&seller.country=eq.SE&order=id&limit=5',
    "SELECT json_agg(x) FROM (SELECT p.id, json_build_object('name', v.name) AS seller FROM dp.product p JOIN dp.vendor v ON v.id = p.seller_id WHERE v.country = 'SE' ORDER BY p.id LIMIT 5) x");
same('!inner of a to-many', 'select=id,batches!inner(id)&batches.lot=eq.lot+2&order=id.desc&limit=3&batches.order=id',
    "SELECT json_agg(x ORDER BY id DESC) FROM (SELECT p.id, json_agg(json_build_object('id', b.id) ORDER BY b.id) AS batches FROM dp.product p JOIN dp.batch b ON b.product_id = p.id WHERE b.lot = 'lot 2' GROUP BY p.id ORDER BY p.id DESC LIMIT 3) x");
same('!inner below !inner, in any order of hint and join',
    '/v1/batches?select=id,products!product!inner(maker:vendors!inner!maker_id(id))&products.vendors.id=eq.3&products.maker.id=eq.3&order=id&limit=4',
    "SELECT json_agg(x) FROM (SELECT b.id, json_build_object('maker', json_build_object('id', 3)) AS products FROM dp.batch b WHERE b.product_id IN (SELECT id FROM dp.product WHERE maker_id = 3) ORDER BY b.id LIMIT 4) x");
same('an anti-join', 'select=id,batches()&batches=is.null&order=id&limit=3', "SELECT json_agg(x) FROM (SELECT id FROM dp.product EXCEPT SELECT product_id FROM dp.batch ORDER BY 1 LIMIT 3) x(id)");
same('a semi-join that prints nothing', 'select=id,batches()&batches.quantity=eq.10&batches=not.is.null&order=id&limit=3',
    "SELECT json_agg(x) FROM (SELECT DISTINCT product_id AS id FROM dp.batch WHERE quantity = 10 ORDER BY 1 LIMIT 3) x");
same('either of two embeds', 'select=id,batches(),sheets()&batches.quantity=eq.10&sheets.weight=gt.900&or=(batches.not.is.null,sheets.not.is.null)&order=id.desc&limit=160',
    "SELECT json_agg(x ORDER BY id DESC) FROM (SELECT id FROM (SELECT product_id AS id FROM dp.batch WHERE quantity = 10 UNION SELECT product_id FROM dp.sheet WHERE weight > 900) u ORDER BY id DESC LIMIT 50) x");
same('a column, not an embed that is called otherwise', 'select=id,by:seller_id(name)&by.country=eq.NO&seller_id=not.is.null&order=id&limit=3',
    "SELECT json_agg(x) FROM (SELECT p.id, CASE WHEN v.id IS NOT NULL THEN json_build_object('name', v.name) END AS by FROM dp.product p LEFT JOIN dp.vendor v ON v.id = p.seller_id AND v.country = 'NO' WHERE p.seller_id IS NOT NULL ORDER BY p.id LIMIT 3) x");
same('of two embeds of one name the path means the one without an alias', 'select=id,few:batches(id),batches(id)&few.order=id.desc&few.limit=1&batches.order=id&batches.limit=2&id=eq.7',
    "SELECT json_agg(x) FROM (SELECT 7 AS id, (SELECT json_agg(y) FROM (SELECT id FROM dp.batch WHERE product_id = 7 ORDER BY id DESC LIMIT 1) y) AS few, (SELECT json_agg(y) FROM (SELECT id FROM dp.batch WHERE product_id = 7 ORDER BY id LIMIT 2) y) AS batches) x");
{
    my $r = same('an order by a column of a to-one', 'select=id,seller()&order=seller(name).desc.nullslast,id&limit=4',
        "SELECT json_agg(x) FROM (SELECT p.id $page ORDER BY v.name DESC NULLS LAST, p.id LIMIT 4) x");
    $r = same('a count with embeds', 'select=id,seller!inner(name),batches(id)&seller.country=eq.DK&limit=2&order=id&batches.limit=1',
        "SELECT json_agg(x) FROM (SELECT p.id, json_build_object('name', v.name) AS seller, (SELECT coalesce(json_agg(json_build_object('id', z.id)), '[]') FROM (SELECT min(b.id) AS id FROM dp.batch b WHERE b.product_id = p.id HAVING count(*) > 0) z) AS batches $page WHERE v.country = 'DK' ORDER BY p.id LIMIT 2) x",
        'Prefer', 'count=exact');
    is($r->{headers}{'content-range'}, '0-1/' . $s->sql("SELECT count(*) $page WHERE v.country = 'DK'"), 'with the total');
    is($client->get('/v1/products?select=batches()&limit=2')->{body}, '[{},{}]', 'rows of which nothing is selected');
}

# --- spread ---
same('a to-one that is spread gives columns of their own types', 'select=id,...seller(seller:name,rating,data),...category(...parent(above:name))&id=lte.6&order=id',
    "SELECT json_agg(json_build_object('id', p.id, 'seller', v.name, 'rating', v.rating, 'data', v.data, 'above', k.name) ORDER BY p.id) $page LEFT JOIN dp.category k ON k.id = c.parent_id WHERE p.id <= 6");
same('a to-many that is spread gives arrays whose places agree', 'select=id,...batches(ids:id,lot)&id=in.(1,2,250)&order=id&batches.order=lot.desc&batches.limit=4',
    "SELECT json_agg(x ORDER BY id) FROM (SELECT p.id, coalesce(json_agg(b.id ORDER BY b.lot DESC, b.id) FILTER (WHERE b.id IS NOT NULL), '[]') AS ids, coalesce(json_agg(b.lot ORDER BY b.lot DESC, b.id) FILTER (WHERE b.id IS NOT NULL), '[]') AS lot FROM dp.product p LEFT JOIN LATERAL (SELECT * FROM dp.batch WHERE product_id = p.id ORDER BY lot DESC, id LIMIT 4) b ON true WHERE p.id IN (1, 2, 250) GROUP BY p.id) x");
same('of a contract without a key too', 'select=id,...notes(note,again:note)&id=eq.1',
    "SELECT json_agg(x) FROM (SELECT 1 AS id, json_agg(note ORDER BY note) AS note, json_agg(note ORDER BY note) AS again FROM dp.product_tag WHERE product_id = 1) x");
same('spread inside of an embed', '/v1/products?select=id,batches(lot,...product(name))&id=eq.7&batches.order=id',
    "SELECT json_agg(x) FROM (SELECT 7 AS id, json_agg(json_build_object('lot', b.lot, 'name', p.name) ORDER BY b.id) AS batches FROM dp.batch b JOIN dp.product p ON p.id = b.product_id WHERE p.id = 7) x");

# --- aggregates ---
same('a count', 'select=count()&id=lte.77', "SELECT '[{\"count\": 77}]'");
same('sums by group', 'select=category_id,n:count(),price.sum(),low:price.min()::text,price::integer.avg(),sizes.max()&order=category_id.nullsfirst',
    "SELECT json_agg(x ORDER BY category_id NULLS FIRST) FROM (SELECT category_id, count(*) AS n, sum(price), min(price)::text AS low, avg(price::integer), max(sizes) FROM dp.product GROUP BY 1) x");
same('by the columns of a to-one that is spread, and their order', 'select=...seller(country),price.sum()&order=seller(country).desc',
    "SELECT json_agg(x) FROM (SELECT v.country, sum(p.price) $page GROUP BY 1 ORDER BY 1 DESC) x");
{
    my $r = $client->get('/v1/products?select=category(name),doc,count()&id=lte.40');
    my @rows = sort map { ($_->{category} ? $_->{category}{name} : 'null') . "=$_->{count}" . (ref $_->{doc}{k} eq 'ARRAY' ? '' : '!') } @{ $r->{json} };
    is("@rows", 'all=10 null=10 saws=10 tools=10', 'by an embed and by json, which has no equality of its own') or diag($r->{body});
    $r = same('with a total of the groups, and pages of them', 'select=seller_id,count()&limit=2&offset=3',
        "SELECT json_agg(x) FROM (SELECT seller_id, count(*) FROM dp.product GROUP BY 1 ORDER BY 1 LIMIT 2 OFFSET 3) x", 'Prefer', 'count=exact');
    is($r->{headers}{'content-range'}, '3-4/50', 'which is told');
    for my $count (qw(planned estimated)) {
        $r = $client->get('/v1/products?select=seller_id,...category(name),count()&limit=2', 'Prefer', "count=$count");
        like("$r->{status} " . ($r->{headers}{'content-range'} // ''), qr{^20[06] 0-1/\d+$}, "or is $count");
    }
    $r = $client->get('/v1/products?select=count()&order=price');
    is("$r->{status} $r->{json}{code}", '400 42803', 'an order that groups do not have');
    $r = $client->get('/v1/products?select=...batches(quantity.sum())');
    is("$r->{status} $r->{json}{code}", '400 PGRST127', 'no aggregates inside of a to-many that is spread');
    $r = $client->get('/v1/batches?select=...product(...batches(id,...product(price.max())))');
    is("$r->{status} $r->{json}{code}", '400 PGRST127', 'also where they came from further inside');
}
same('of what a to-one spreads', 'select=category_id,...seller(n:count(),rating.max(),low:rating.min()::text,rating::integer.avg())&order=category_id.nullsfirst',
    "SELECT json_agg(x ORDER BY category_id NULLS FIRST) FROM (SELECT p.category_id, count(v) AS n, max(v.rating), min(v.rating)::text AS low, avg(v.rating::integer) $page GROUP BY 1) x");
same('beside what it is grouped by', 'select=...seller(country,n:count(),first:name.min())&order=seller(country).desc&id=lte.60',
    "SELECT json_agg(x) FROM (SELECT v.country, count(v) AS n, min(v.name) AS first $page WHERE p.id <= 60 GROUP BY 1 ORDER BY 1 DESC) x");
same('of two to-ones, one behind the other', '/v1/batches?select=lot,...product(price.sum(),...seller(sellers:count(),rating.max()))&product.seller.id=lte.20&order=lot.nullsfirst',
    "SELECT json_agg(x ORDER BY lot NULLS FIRST) FROM (SELECT b.lot, sum(p.price), count(v) AS sellers, max(v.rating) FROM dp.batch b LEFT JOIN dp.product p ON p.id = b.product_id LEFT JOIN dp.vendor v ON v.id = p.seller_id AND v.id <= 20 GROUP BY 1) x");
same('inside of an embed that is none', 'select=id,batches(lot,...product(price.max()))&id=lte.3&order=id&batches.order=lot',
    "SELECT json_agg(json_build_object('id', p.id, 'batches', (SELECT json_agg(json_build_object('lot', lot, 'max', n) ORDER BY lot) FROM (SELECT lot, max(q.price) AS n FROM dp.batch b JOIN dp.product q ON q.id = b.product_id WHERE b.product_id = p.id GROUP BY lot) x)) ORDER BY p.id) FROM dp.product p WHERE p.id <= 3");
{
    my $r = $client->get('/v1/products?select=...seller(rating.max(),data->a.count())&id=eq.50', Accept => 'application/vnd.pgrst.array+json;nulls=stripped');
    is($r->{body}, '[{"count":0}]', 'without nulls');
    $r = $client->get('/v1/products?select=category_id,...seller(rating.max())&order=category_id&category_id=lte.2', Accept => 'text/csv');
    is($r->{body}, "category_id,max\r\n1,4.9\r\n2,4.8\r\n", 'as CSV');
    $r = $client->get('/v1/products?select=category_id,...seller(rating.max())&order=category_id&limit=2', Prefer => 'count=exact');
    is("$r->{status} $r->{headers}{'content-range'}", '206 0-1/4', 'with the total of the groups');
}
same('inside of an embed', 'select=id,batches(lot,quantity.sum())&id=lte.3&order=id&batches.order=lot',
    "SELECT json_agg(json_build_object('id', p.id, 'batches', (SELECT json_agg(json_build_object('lot', lot, 'sum', n) ORDER BY lot) FROM (SELECT lot, sum(quantity) AS n FROM dp.batch b WHERE b.product_id = p.id GROUP BY lot) x)) ORDER BY p.id) FROM dp.product p WHERE p.id <= 3");

# --- the maximum of rows ---
for (['', 50, '0-49/3000'], ['&limit=60', 50, '0-49/3000'], ['&limit=60&offset=2990', 10, '2990-2999/3000'], ['&limit=7', 7, '0-6/3000']) {
    my ($query, $rows, $range) = @$_;
    my $r = $client->get("/v1/products?select=id&order=id$query", Prefer => 'count=exact');
    is("$r->{status} " . @{ $r->{json} } . " $r->{headers}{'content-range'}", "206 $rows $range", "of a list: '$query'");
}
is($client->get('/v1/products?select=id&order=id', Range => '10-99')->{headers}{'content-range'}, '10-59/*', 'of what Range asks for');

# --- what is refused ---
for (
    ['select=id,vendors(name)',                 '300 PGRST201', qr/"details":\[\{"cardinality":"many-to-one","embedding":"products with vendors","relationship":"seller using products\(seller_id\) and vendors\(id\)"\},/],
    ['select=id,vendrs(name)',                  '400 PGRST200', qr/Perhaps you meant 'vendors' instead of 'vendrs'/],
    ['select=id,vendors!nobody(name)',          '400 PGRST200', qr/using the hint 'nobody'/],
    ['select=id,batches(id)&order=batches(id)', '400 PGRST118', qr/'products' and 'batches' do not form/],
    ['select=id&seller.name=eq.x',              '400 PGRST108', qr/'seller' is not an embedded resource/],
    ['select=id,seller(nme)',                   '400 42703',    qr/vendors\.name/],
    ['select=id,seller(products!maker_id(seller(products!maker_id(seller(id)))))', '400 PGRST100', qr/nested more than 4 deep/],
    ['or=(id.eq.1,and(id.eq.2,or(id.eq.3,and(id.eq.4,or(id.eq.5,id.eq.6)))))', '400 PGRST100', qr/4 deep/],
    )
{
    my ($query, $expected, $said) = @$_;
    my $r = $client->get("/v1/products?$query");
    is("$r->{status} $r->{json}{code}", $expected, $query);
    like($r->{body}, $said, 'and says why');
}

# --- strangers' text ---
{
    my @strings = ("'", '"', '\\', "\\'", '";--', '/*', '$1', '$$', '{', '}', ']', '"}', "'}'", ',', ')', '))', '!', '!!', '->', '::text', '%00', '%ff', "x' OR '1'='1",
        'x" FROM dp.vendor--', '); SELECT pg_sleep(9)--', "\x{1}", 'A' x 300, 'ä' x 40, '');
    my @places = (
        sub { "select=id,seller($_[0])" },   sub { "select=id,$_[0](name)" },          sub { "select=id,vendors!$_[0](name)" },
        sub { "select=id,$_[0]:seller(name)" }, sub { "select=id,seller($_[0]:name)" }, sub { "select=id,...seller($_[0]:name)" },
        sub { "select=id,seller(data->$_[0])" }, sub { "select=id,seller(name::$_[0])" }, sub { "select=id,batches(id)&batches.order=$_[0]" },
        sub { "select=id,batches(id)&batches.$_[0]=eq.1" }, sub { "select=id,batches(id)&batches.lot=eq.$_[0]" },
        sub { "select=id,batches(id)&$_[0].lot=eq.1" },     sub { "select=id,batches(id)&batches.or=(lot.eq.$_[0],id.eq.1)" },
        sub { "select=id,batches(id)&batches.limit=$_[0]" }, sub { "select=id,seller(id)&order=seller($_[0])" },
        sub { "select=price.$_[0]()" },  sub { "select=$_[0]:price.sum()" },  sub { "select=id,batches(\"$_[0]\":id)" },
        sub { "select=id,\"$_[0]\":batches(id)" },
    );
    my (@wrong, %count);
    for my $string (@strings) {
        my $encoded = $string =~ s/([^A-Za-z0-9%])/sprintf '%%%02X', ord $1/ger;
        for my $place (@places) {
            my $target = '/v1/products?limit=1&' . $place->($encoded);
            my $r      = $client->get($target);
            $count{ $r->{status} }++;
            push @wrong, "$r->{status} $target: $r->{body}"
                if $r->{status} >= 500 || !defined $r->{json} || ($r->{status} >= 400 && $r->{body} =~ /dp\.|pg_|v_\w+_v1|SELECT |LINE \d/ && $target !~ /SELECT|dp/);
        }
    }
    is(scalar @wrong, 0, 'no answer to a hostile embed is a 500, a leak, or broken JSON') or diag(join "\n", map { substr $_, 0, 400 } @wrong[0 .. (@wrong > 8 ? 8 : $#wrong)]);
    cmp_ok($count{400}, '>', 100, 'many were refused');
    cmp_ok($count{200}, '>', 100, 'many were plain text');
    my $r = $client->get('/v1/products?id=eq.1&select=%22a%5C%22b%5C%5C%C3%A4%22:seller(%22%7D,%5C%22x%5C%22:1%22:name)');
    is_deeply($r->{json}, [{ "a\"b\\\x{e4}" => { '},"x":1' => 'vendor 1' } }], 'an alias is a key, whatever is in it');
}

# --- many columns ---
{
    my $select = join ',', map { "n$_:" . ($_ % 3 ? 'name' : 'country') } 1 .. 300;
    my $r = $client->get("/v1/products?select=id,seller($select)&id=eq.4");
    is_deeply($r->{json}[0]{seller}, { map { ("n$_" => $_ % 3 ? 'vendor 4' : undef) } 1 .. 300 }, 'an embed of 300 columns');
    $r = $client->get("/v1/products?select=id,seller($select)&id=eq.4", 'Accept', 'application/json;nulls=stripped');
    is(scalar keys %{ $r->{json}[0]{seller} }, 200, 'without its nulls');
    $r = $client->get('/v1/products?select=id,sizes,seller(name),...category(top:name)&id=eq.2', 'Accept', 'text/csv');
    is($r->{body}, qq(id,sizes,seller,top\r\n2,"{2,3}","{""name"":""vendor 2""}",tools\r\n), 'in CSV an embed is JSON, and the columns of a spread are columns')
        or diag($r->{body});
}

# --- how Postgres finds them ---
sub plan_of {
    my ($target) = @_;
    my $before = length read_file($postgres_log);
    is($client->get($target)->{status}, 200, $target);
    wait_until { substr(read_file($postgres_log), $before) =~ /plan:.*\n(?:\t.*\n)+/ } 'the plan in the log';
    return substr read_file($postgres_log), $before;
}
like(plan_of('/v1/products?select=id,seller(name)&order=id&limit=20'), qr/SubPlan.*\n\s+->  Limit.*\n\s+->  Index Scan using vendor_pkey/, 'a to-one goes by the primary key');
my $plan = plan_of('/v1/products?select=id,batches(id)&order=name&limit=20');
like($plan, qr/Sort Key/, 'a page that must be sorted');
like($plan, qr/Limit.*\n(?:.*\n)*?.*(?:Bitmap Index Scan on|Index Scan using) batch_product_id_idx/, 'and a to-many by the index of its foreign key');
like(plan_of('/v1/products?select=id,batches!inner(id)&batches.quantity=eq.3&limit=5'), qr/Semi Join|HashAggregate|Unique/, '!inner is a semi-join');

# --- a contract that is withheld ---
$s->sql('ALTER VIEW api.v_vendors_v1 RENAME COLUMN country TO land; NOTIFY oriel_contract');
for my $target ('/v1/products?select=id,seller(name)&limit=1', '/v1/batches?select=id,product(seller(id))&limit=1') {
    my $r = $s->wait_until_withheld($target, $client);
    is("$r->{json}{code} $r->{json}{message}", 'ORIEL001 vendors@1 is withheld: the database does not hold what this contract promises', $target);
    ok($r->{headers}{'retry-after'}, 'with Retry-After');
}
is($client->get('/v1/products?select=id,batches(id)&limit=1')->{status}, 200, 'the others are embedded as ever');
$s->finish(qr/ERROR|STATEMENT|DETAIL|HINT|CONTEXT|withheld/);
done_testing;
