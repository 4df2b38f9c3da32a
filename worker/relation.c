#include "worker/relation.h"

static const char columns_sql[] =
    "SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),\n"
    "       CASE WHEN a.atttypid = 'pg_catalog.json'::pg_catalog.regtype THEN 'json'\n"
    "            WHEN a.atttypid = 'pg_catalog.jsonb'::pg_catalog.regtype THEN 'jsonb'\n"
    "            WHEN t.typcategory = 'N' AND a.atttypid IN ('pg_catalog.int2'::pg_catalog.regtype,\n"
    "                 'pg_catalog.int4'::pg_catalog.regtype, 'pg_catalog.int8'::pg_catalog.regtype) THEN 'integer'\n"
    "            WHEN t.typcategory = 'D' THEN pg_catalog.format_type(a.atttypid, NULL)\n"
    "            ELSE t.typcategory::pg_catalog.text END,\n"
    "       a.attnotnull, a.atthasdef OR a.attidentity <> '', a.attgenerated <> '' OR a.attidentity = 'a',\n"
    "       a.attcollation <> 0,\n"
    "       (SELECT pg_catalog.format('%I.%I', cn.nspname, co.collname) FROM pg_catalog.pg_collation co\n"
    "        JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace\n"
    "        WHERE co.oid = a.attcollation AND co.collname <> 'default')\n"
    "FROM pg_catalog.pg_attribute a\n"
    "JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p')\n"
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace\n"
    "JOIN pg_catalog.pg_type t ON t.oid = a.atttypid\n"
    "WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";

/* Indexes that hold for every row, at once: no condition, no expression, not deferrable. */
static const char keys_sql[] =
    "SELECT k.sorted, k.ordered\n"
    "FROM pg_catalog.pg_index i\n"
    "JOIN pg_catalog.pg_class c ON c.oid = i.indrelid\n"
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace\n"
    "CROSS JOIN LATERAL (\n"
    "    SELECT pg_catalog.string_agg(a.attname, ',' ORDER BY a.attname COLLATE \"C\") AS sorted,\n"
    "           pg_catalog.string_agg(a.attname, ',' ORDER BY o.place) AS ordered\n"
    "    FROM pg_catalog.unnest(i.indkey[0:i.indnkeyatts - 1]) WITH ORDINALITY AS o (attnum, place)\n"
    "    JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = o.attnum) k\n"
    "WHERE n.nspname = $1 AND c.relname = $2 AND i.indisunique AND i.indimmediate AND i.indisvalid\n"
    "  AND i.indpred IS NULL AND i.indexprs IS NULL";

int relation_read(struct relation *out, struct session *s, struct arena *a, const char *schema, const char *table)
{
    const char *const params[] = {schema, table};
    *out = (struct relation){.schema = schema, .table = table};
    PGresult *r = session_query(s, "reading a table's columns", columns_sql, 2, params);
    if (!r)
        return -1;
    out->n_columns = (size_t)PQntuples(r);
    out->columns = arena_array(a, out->n_columns, sizeof *out->columns);
    for (size_t i = 0; i < out->n_columns; i++) {
        int row = (int)i;
        out->columns[i] = (struct relation_column){
            .name = arena_strdup(a, PQgetvalue(r, row, 0)),
            .type = arena_strdup(a, PQgetvalue(r, row, 1)),
            .category = arena_strdup(a, PQgetvalue(r, row, 2)),
            .not_null = *PQgetvalue(r, row, 3) == 't',
            .has_default = *PQgetvalue(r, row, 4) == 't',
            .always_generated = *PQgetvalue(r, row, 5) == 't',
            .collatable = *PQgetvalue(r, row, 6) == 't',
            .collation = PQgetisnull(r, row, 7) ? NULL : arena_strdup(a, PQgetvalue(r, row, 7)),
        };
    }
    PQclear(r);
    r = session_query(s, "reading a table's keys", keys_sql, 2, params);
    if (!r)
        return -1;
    const char **keys = arena_array(a, (size_t)PQntuples(r) + 1, sizeof *keys);
    const char **orders = arena_array(a, (size_t)PQntuples(r) + 1, sizeof *orders);
    for (int i = 0; i < PQntuples(r); i++) {
        keys[i] = arena_strdup(a, PQgetvalue(r, i, 0));
        orders[i] = arena_strdup(a, PQgetvalue(r, i, 1));
    }
    out->unique_keys = keys;
    out->unique_orders = orders;
    PQclear(r);
    return 0;
}

const struct relation_column *relation_column(const struct relation *r, const char *name)
{
    for (size_t i = 0; i < r->n_columns; i++)
        if (strcmp(r->columns[i].name, name) == 0)
            return &r->columns[i];
    return NULL;
}

bool relation_same(const struct relation *a, const struct relation *b)
{
    if (a->n_columns != b->n_columns)
        return false;
    for (size_t i = 0; i < a->n_columns; i++)
        if (strcmp(a->columns[i].name, b->columns[i].name) != 0 || strcmp(a->columns[i].type, b->columns[i].type) != 0)
            return false;
    return true;
}
