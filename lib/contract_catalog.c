/*
 * The contracts as the database holds them now.
 */
#include <json-c/json.h>
#include <string.h>

#include "lib/contract.h"
#include "lib/log.h"
#include "lib/pg.h"
#include "lib/settings.h"

/* A view's text as a hash: with an empty search_path, on which its names depend. */
#define DEFINITION                                                                                                     \
    "pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.pg_get_viewdef(c.oid), 'UTF8')), 'hex')"
#define IS_VIEW_OF_THE_SCHEMA " c.relnamespace = pg_catalog.to_regnamespace('" SCHEMA_API "') AND c.relkind = 'v'"
#define READER                "pg_catalog.to_regrole('" ROLE_READER "')"

/*
 * One row per view of the schema. Rights are probed by OID, since by name they raise an error for what is not there.
 * Column dependencies of a view hang on its rewrite rule. Comments are looked up here and not by col_description(),
 * which is a function in SQL: each call of it costs as much as a small statement. Nor are roles looked up in pg_roles,
 * a view of two tables more to plan.
 */
#define CATALOG(definition)                                                                                            \
    "SELECT c.relname,"                                                                                                \
    "       (SELECT k.description FROM pg_catalog.pg_description k WHERE k.objoid = c.oid AND k.objsubid = 0"          \
    "           AND k.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass),"                                         \
    "       (SELECT pg_catalog.json_agg(pg_catalog.json_build_array("                                                  \
    "                a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),"                                      \
    "                CASE WHEN a.attcollation <> t.typcollation THEN (SELECT l.collname"                               \
    "                     FROM pg_catalog.pg_collation l WHERE l.oid = a.attcollation) END,"                           \
    "                s.description,"                                                                                   \
    "                CASE WHEN t.typtype <> 'b' OR t.typelem <> 0 THEN"                                                \
    "                    (SELECT pg_catalog.json_agg(e.enumlabel ORDER BY e.enumsortorder)"                            \
    "                       FROM pg_catalog.pg_enum e"                                                                 \
    "                      WHERE e.enumtypid IN (t.oid, t.typelem, t.typbasetype)) END,"                               \
    "                CASE t.typtype WHEN 'd' THEN pg_catalog.format_type(t.typbasetype, t.typtypmod)"                  \
    "                    WHEN 'c' THEN (SELECT '(' || pg_catalog.string_agg(m.attname || ' ' ||"                       \
    "                                       pg_catalog.format_type(m.atttypid, m.atttypmod), ', ' ORDER BY m.attnum)"  \
    "                                       || ')' FROM pg_catalog.pg_attribute m"                                     \
    "                                    WHERE m.attrelid = t.typrelid AND m.attnum > 0 AND NOT m.attisdropped) END)"  \
    "                ORDER BY a.attnum)"                                                                               \
    "          FROM pg_catalog.pg_attribute a"                                                                         \
    "          JOIN pg_catalog.pg_type t ON t.oid = a.atttypid"                                                        \
    "          LEFT JOIN pg_catalog.pg_description s ON s.objoid = a.attrelid AND s.objsubid = a.attnum"               \
    "           AND s.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass"                                           \
    "         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),"                                      \
    "       COALESCE((SELECT o.option_value::boolean FROM pg_catalog.pg_options_to_table(c.reloptions) o"              \
    "                  WHERE o.option_name = 'security_barrier'), false),"                                             \
    "       COALESCE((SELECT o.option_value::boolean FROM pg_catalog.pg_options_to_table(c.reloptions) o"              \
    "                  WHERE o.option_name = 'security_invoker'), false),"                                             \
    "       NOT EXISTS (SELECT FROM pg_catalog.pg_rewrite w"                                                           \
    "                     JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass"     \
    "                      AND d.objid = w.oid AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass"          \
    "                    WHERE w.ev_class = c.oid AND d.refobjid <> c.oid"                                             \
    "                      AND NOT pg_catalog.has_any_column_privilege(c.relowner, d.refobjid, 'SELECT')),"            \
    "       COALESCE(pg_catalog.has_schema_privilege(" READER ", c.relnamespace, 'USAGE')"                             \
    "            AND pg_catalog.has_table_privilege(" READER ", c.oid, 'SELECT'), false),"                             \
    "       (SELECT pg_catalog.json_agg(DISTINCT CASE x.grantee WHEN 0 THEN 'PUBLIC'"                                  \
    "                                            ELSE pg_catalog.pg_get_userbyid(x.grantee) END)"                      \
    "          FROM pg_catalog.aclexplode(c.relacl) x"                                                                 \
    "         WHERE x.grantee <> c.relowner"                                                                           \
    "           AND x.privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')),"                                  \
    "       " definition "  FROM pg_catalog.pg_class c"                                                                \
    " WHERE" IS_VIEW_OF_THE_SCHEMA " ORDER BY c.relname"

const char contract_catalog_sql[] = CATALOG(DEFINITION);
const char contract_promises_sql[] = CATALOG("NULL::text");
const char contract_definitions_sql[] =
    "SELECT c.relname, " DEFINITION " FROM pg_catalog.pg_class c WHERE" IS_VIEW_OF_THE_SCHEMA;

enum { VIEW, COMMENT, COLUMNS, BARRIER, INVOKER, OWNER_CAN_READ, READER_CAN_SELECT, WRITERS, HASH, N_FIELDS };

static const char *field(const PGresult *r, int row, int column)
{
    return PQgetisnull(r, row, column) ? NULL : PQgetvalue(r, row, column);
}

static bool flag(const PGresult *r, int row, int column)
{
    return PQgetvalue(r, row, column)[0] == 't';
}

/* What a column's array holds, in its order. */
enum { NAME, TYPE, COLLATION, COLUMN_COMMENT, VALUES, BASE };

static const char *copy_text(struct arena *a, json_object *column, size_t i)
{
    json_object *v = json_object_array_get_idx(column, i);
    return v ? arena_strdup(a, json_object_get_string(v)) : NULL;
}

static const char *const *names_of(struct arena *a, json_object *list)
{
    size_t n = list ? json_object_array_length(list) : 0;
    const char **names = arena_array(a, n + 1, sizeof *names);
    for (size_t i = 0; i < n; i++)
        names[i] = arena_strdup(a, json_object_get_string(json_object_array_get_idx(list, i)));
    return names;
}

static void read_columns(struct contract *c, struct arena *a, const char *json)
{
    json_object *list = json ? json_tokener_parse(json) : NULL;
    c->n_columns = list ? json_object_array_length(list) : 0;
    c->columns = arena_array(a, c->n_columns, sizeof *c->columns);
    for (size_t i = 0; i < c->n_columns; i++) {
        json_object *o = json_object_array_get_idx(list, i), *values = json_object_array_get_idx(o, VALUES);
        c->columns[i] = (struct contract_column){.name = copy_text(a, o, NAME),
                                                 .type = copy_text(a, o, TYPE),
                                                 .base = copy_text(a, o, BASE),
                                                 .collation = copy_text(a, o, COLLATION),
                                                 .comment = copy_text(a, o, COLUMN_COMMENT),
                                                 .values = values ? names_of(a, values) : NULL};
    }
    json_object_put(list);
}

static const char *const *read_names(struct arena *a, const char *json)
{
    json_object *list = json ? json_tokener_parse(json) : NULL;
    const char *const *names = names_of(a, list);
    json_object_put(list);
    return names;
}

static void read_contract(struct contract *c, struct arena *a, const PGresult *r, int row)
{
    *c = (struct contract){
        .view = arena_strdup(a, PQgetvalue(r, row, VIEW)),
        .security_barrier = flag(r, row, BARRIER),
        .security_invoker = flag(r, row, INVOKER),
        .owner_can_read = flag(r, row, OWNER_CAN_READ),
        .reader_can_select = flag(r, row, READER_CAN_SELECT),
        .writers = read_names(a, field(r, row, WRITERS)),
    };
    if (!PQgetisnull(r, row, HASH))
        c->definition = arena_strdup(a, PQgetvalue(r, row, HASH));
    read_columns(c, a, field(r, row, COLUMNS));
    contract_comment_read(c, a, field(r, row, COMMENT));
    if (contract_name_split(a, c->view, &c->entity, &c->version) < 0) {
        c->entity = c->view;
        c->problem = "its name is not of the form v_<entity>_v<number>";
    }
    c->output = contract_output_hash(c, a);
}

int contract_catalog_parse(struct contract_set *set, struct arena *a, const PGresult *r)
{
    if (PQresultStatus(r) != PGRES_TUPLES_OK || PQnfields(r) != N_FIELDS) {
        log_error("reading the contracts from the catalog: %s", PQresultErrorMessage(r));
        return -1;
    }
    *set = (struct contract_set){.n = (size_t)PQntuples(r)};
    set->contracts = arena_array(a, set->n, sizeof *set->contracts);
    set->tombstones = arena_array(a, 1, sizeof *set->tombstones);
    for (size_t i = 0; i < set->n; i++)
        read_contract(&set->contracts[i], a, r, (int)i);
    contract_set_sort(set);
    return 0;
}

int contract_catalog_read(struct contract_set *set, struct arena *a, PGconn *c)
{
    if (pg_run(c, "reading the catalog", "SELECT pg_catalog.set_config('search_path', '', false)", 0, NULL) < 0)
        return -1;
    PGresult *r = pg_query(c, "reading the contracts from the catalog", contract_catalog_sql, 0, NULL);
    int result = r ? contract_catalog_parse(set, a, r) : -1;
    PQclear(r);
    return result;
}
