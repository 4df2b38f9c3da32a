// A peer of `make bench`: fastify and pg, one process a core by cluster, prepared statements by name, a pool in each.
// usage: node server.mjs SOCKET_OR_PORT PROCESSES POOL; the database as libpq's variables name it.
import cluster from 'node:cluster';
import Fastify from 'fastify';
import pg from 'pg';

const [address, processes, pool] = process.argv.slice(2);

if (cluster.isPrimary) {
    for (let i = 0; i < Number(processes); i++) cluster.fork();
    for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));
} else {
    // numbers as numbers, as the contract's types say
    pg.types.setTypeParser(pg.types.builtins.INT8, Number);
    pg.types.setTypeParser(pg.types.builtins.NUMERIC, Number);
    const db = new pg.Pool({ max: Number(pool), options: '-c search_path=' });
    const columns = 'id, client, external_id, vendor_id, name, category, price, in_stock, tags, updated_at';
    const ask = (name, text, values) => db.query({ name, text, values });
    const app = Fastify({ logger: false });
    // with a schema, fastify writes JSON by code made for it, which is faster than JSON.stringify
    const nullable = (type, rest) => ({ type, nullable: true, ...rest });
    const id = { type: 'integer' }, text = { type: 'string' };
    const product = { type: 'object', properties: {
        id, client: text, external_id: text, vendor_id: nullable('integer'), name: text, category: nullable('string'), price: nullable('number'),
        in_stock: nullable('boolean'), tags: nullable('array', { items: text }), updated_at: nullable('string', { format: 'date-time' }) } };
    const embedded = { type: 'object', properties: { id, name: text, price: nullable('number'), vendor: nullable('object', { properties: { id, name: text } }) } };
    const answers = (schema) => ({ schema: { response: { 200: schema } } });
    const list = (items) => answers({ type: 'array', items });

    app.get('/products/:id', answers(product), async (request, reply) => {
        const { rows } = await ask('key', `SELECT ${columns} FROM api.v_products_v1 WHERE id = $1`, [request.params.id]);
        if (!rows.length) reply.code(404);
        return rows[0] ?? { message: 'not found' };
    });
    app.get('/range/:id', list(product), async (request) =>
        (await ask('range', `SELECT ${columns} FROM api.v_products_v1 WHERE id >= $1 ORDER BY id LIMIT 100`, [request.params.id])).rows);
    app.get('/embed/:id', list(embedded), async (request) => {
        const { rows } = await ask('embed',
            `SELECT p.id, p.name, p.price, v.id AS vendor_id, v.name AS vendor_name FROM api.v_products_v1 p
             LEFT JOIN api.v_vendors_v1 v ON v.id = p.vendor_id WHERE p.id >= $1 ORDER BY p.id LIMIT 20`, [request.params.id]);
        return rows.map(({ vendor_id: id, vendor_name: name, ...product }) => ({ ...product, vendor: id === null ? null : { id, name } }));
    });
    app.get('/vendor/:id', list(product), async (request) =>
        (await ask('vendor', `SELECT ${columns} FROM api.v_products_v1 WHERE vendor_id = $1 ORDER BY id LIMIT 20`, [request.params.id])).rows);
    app.get('/count/:id', list(product), async (request, reply) => {
        const { rows } = await ask('count',
            `SELECT ${columns}, count(*) OVER () AS total FROM api.v_products_v1 WHERE vendor_id = $1 ORDER BY id LIMIT 20`, [request.params.id]);
        reply.header('Content-Range', rows.length ? `0-${rows.length - 1}/${rows[0].total}` : '*/0');
        return rows.map(({ total, ...product }) => product);
    });
    await app.listen(/^\d+$/.test(address) ? { host: '127.0.0.1', port: Number(address) } : { path: address });
}
