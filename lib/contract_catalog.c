/*
 * The contracts as the database holds them now.
 */
#include <json-c/json.h>
#include <string.h>

#include "lib/catalog_text.h"
#include "lib/contract.h"
#include "lib/log.h"
#include "lib/pg.h"
#include "lib/settings.h"

/* A view's text as a hash: with an empty search_path, on which its names depend. */
#define DEFINITION                                                                                                     \
    "pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.pg_get_viewdef(c.oid), 'UTF8')), 'hex')"
#define OID                   "::pg_catalog.oid"
#define IS_VIEW_OF_THE_SCHEMA " c.relkind = 'v' AND c.relnamespace = pg_catalog.to_regnamespace('" SCHEMA_API "')" OID
#define READER                "pg_catalog.to_regrole('" ROLE_READER "')" OID

/* OIDs that are the same in every Postgres. */
#define PG_CLASS          "'1259'"
#define PG_REWRITE        "'2618'"
#define PG_COLLATION      "'3456'"
#define DEFAULT_COLLATION "'100'"

/*
 * One statement, and so one snapshot, that gives the rows of several catalogs as they stand there, told apart by their
 * kind; they are put together by read_contract(). For in a new session it is not the rows that take the time, but the
 * first use of each catalog, its parsing and its planning. So there is no join that can be done here, each condition
 * can use an index without a choice, what is compared is of one type (or Postgres looks through all its operators of
 * that name), and what one row in a thousand needs is a call and not a table.
 *
 * Rights are probed by OID, since by name they raise an error for what is not there. Column dependencies of a view hang
 * on its rewrite rule. Comments are looked up here and not by col_description(), which is a function in SQL: each call
 * of it costs as much as a small statement.
 */
#define CATALOG(definition)                                                                                            \
    "WITH v AS (SELECT c.oid, c.relname, c.relowner, c.relacl, c.reloptions, c.relnamespace"                           \
    "             FROM pg_catalog.pg_class c WHERE" IS_VIEW_OF_THE_SCHEMA "),"                                         \
    "     a AS (SELECT a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attcollation"                       \
    "             FROM pg_catalog.pg_attribute a"                                                                      \
    "            WHERE a.attrelid = ANY (ARRAY(SELECT v.oid FROM v)) AND a.attnum > 0 AND NOT a.attisdropped) "        \
    "SELECT 'v', c.oid,"                                                                                               \
    "       COALESCE(pg_catalog.has_schema_privilege(" READER ", c.relnamespace, 'USAGE')"                             \
    "            AND pg_catalog.has_table_privilege(" READER ", c.oid, 'SELECT'), false)::integer,"                    \
    "       '0'" OID ", '0'" OID ", c.relname::text, pg_catalog.pg_get_userbyid(c.relowner)::text, c.relacl::text,"    \
    "       c.reloptions::text, " definition "  FROM v c "                                                             \
    "UNION ALL "                                                                                                       \
    "SELECT 'c', a.attrelid, a.attnum, a.atttypid, a.attcollation, a.attname,"                                         \
    "       pg_catalog.format_type(a.atttypid, a.atttypmod),"                                                          \
    "       CASE a.attcollation WHEN '0' THEN NULL WHEN " DEFAULT_COLLATION " THEN 'default'"                          \
    "           ELSE ((pg_catalog.pg_identify_object_as_address(" PG_COLLATION ", a.attcollation, 0))"                 \
    "                 .object_names)[2] END, NULL, NULL FROM a "                                                       \
    "UNION ALL "                                                                                                       \
    "SELECT 'd', k.objoid, k.objsubid, NULL, NULL, k.description, NULL, NULL, NULL, NULL"                              \
    "  FROM pg_catalog.pg_description k"                                                                               \
    " WHERE k.classoid = " PG_CLASS " AND k.objoid = ANY (ARRAY(SELECT v.oid FROM v)) "                                \
    "UNION ALL "                                                                                                       \
    "SELECT 't', t.oid, NULL, NULL, t.typcollation,"                                                                   \
    "       CASE WHEN t.typtype <> 'b' OR t.typelem <> '0' THEN"                                                       \
    "           (SELECT pg_catalog.json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum e"           \
    "             WHERE e.enumtypid IN (t.oid, t.typelem, t.typbasetype))::text END,"                                  \
    "       CASE t.typtype WHEN 'd' THEN pg_catalog.format_type(t.typbasetype, t.typtypmod)"                           \
    "           WHEN 'c' THEN (SELECT '(' || pg_catalog.string_agg(m.attname || ' ' ||"                                \
    "                              pg_catalog.format_type(m.atttypid, m.atttypmod), ', ' ORDER BY m.attnum) || ')'"    \
    "                            FROM pg_catalog.pg_attribute m"                                                       \
    "                           WHERE m.attrelid = t.typrelid AND m.attnum > 0 AND NOT m.attisdropped) END,"           \
    "       NULL, NULL, NULL"                                                                                          \
    "  FROM pg_catalog.pg_type t WHERE t.oid = ANY (ARRAY(SELECT a.atttypid FROM a)) "                                 \
    "UNION ALL "                                                                                                       \
    "SELECT 'u', w.ev_class, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL"                                           \
    "  FROM v, pg_catalog.pg_rewrite w, pg_catalog.pg_depend d"                                                        \
    " WHERE w.ev_class = v.oid AND d.classid = " PG_REWRITE " AND d.objid = w.oid AND d.refclassid = " PG_CLASS        \
    "   AND d.refobjid <> w.ev_class AND NOT pg_catalog.has_any_column_privilege(v.relowner, d.refobjid, 'SELECT')"

const char contract_catalog_sql[] = CATALOG(DEFINITION);
const char contract_promises_sql[] = CATALOG("NULL::text");
const char contract_definitions_sql[] =
    "SELECT c.relname, " DEFINITION " FROM pg_catalog.pg_class c WHERE" IS_VIEW_OF_THE_SCHEMA;

/* What a row is. */
enum kind {
    KIND_COLUMN = 'c',
    KIND_DESCRIPTION = 'd',
    KIND_TYPE = 't',
    KIND_UNREADABLE = 'u', /* the view's owner may not read something that the view is made of */
    KIND_VIEW = 'v'
};

/* The fields of a row; OBJECT and NUMBER (0 where it has none) are what it is found by. */
enum { KIND, OBJECT, NUMBER, TYPE, COLLATION, FIRST, N_FIELDS = FIRST + 5 };
/* Those from FIRST on, by kind. NUMBER of a view: whether the reader can select. */
enum { VIEW = FIRST, OWNER, ACL, OPTIONS, HASH };
enum { COLUMN_NAME = FIRST, COLUMN_TYPE, COLUMN_COLLATION };
enum { DESCRIPTION = FIRST };
enum { TYPE_VALUES = FIRST, TYPE_BASE };

struct row {
    enum kind kind;
    unsigned long object;
    long number;
    int row; /* of the result */
};

struct rows {
    const PGresult *result;
    struct row *list; /* sorted by kind, object, number; ended by one of no kind */
    size_t n;
};

static unsigned long number(const PGresult *r, int row, int column)
{
    return strtoul(PQgetvalue(r, row, column), NULL, 10); /* 0 for NULL, which is "" */
}

static int by_kind_and_object(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->object != y->object)
        return x->object < y->object ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

static struct rows sort_rows(struct arena *a, const PGresult *r)
{
    size_t n = (size_t)PQntuples(r);
    struct rows rows = {r, arena_array(a, n + 1, sizeof *rows.list), n};
    for (int i = 0; i < (int)n; i++)
        rows.list[i] =
            (struct row){(enum kind)PQgetvalue(r, i, KIND)[0], number(r, i, OBJECT), (long)number(r, i, NUMBER), i};
    qsort(rows.list, n, sizeof *rows.list, by_kind_and_object);
    return rows;
}

/* The first row of that kind and object whose number is not less. May be that of another: see is_of(). */
static const struct row *seek(const struct rows *rows, enum kind kind, unsigned long object, long least)
{
    struct row key = {.kind = kind, .object = object, .number = least};
    size_t low = 0, high = rows->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (by_kind_and_object(&rows->list[middle], &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return &rows->list[low];
}

static bool is_of(const struct row *row, enum kind kind, unsigned long object)
{
    return row->kind == kind && row->object == object;
}

static const char *field(const struct rows *rows, const struct row *row, int column)
{
    return PQgetisnull(rows->result, row->row, column) ? NULL : PQgetvalue(rows->result, row->row, column);
}

static const char *copy_field(struct arena *a, const struct rows *rows, const struct row *row, int column)
{
    const char *text = field(rows, row, column);
    return text ? arena_strdup(a, text) : NULL;
}

static const char *description(const struct rows *rows, unsigned long object, long of)
{
    const struct row *d = seek(rows, KIND_DESCRIPTION, object, of);
    return is_of(d, KIND_DESCRIPTION, object) && d->number == of ? field(rows, d, DESCRIPTION) : NULL;
}

static const char *const *read_names(struct arena *a, const char *json)
{
    json_object *list = json ? json_tokener_parse(json) : NULL;
    size_t n = list ? json_object_array_length(list) : 0;
    const char **names = arena_array(a, n + 1, sizeof *names);
    for (size_t i = 0; i < n; i++)
        names[i] = arena_strdup(a, json_object_get_string(json_object_array_get_idx(list, i)));
    json_object_put(list);
    return names;
}

static void read_column(struct contract_column *c, struct arena *a, const struct rows *rows, const struct row *row)
{
    const PGresult *r = rows->result;
    const char *comment = description(rows, row->object, row->number);
    unsigned long type = number(r, row->row, TYPE);
    const struct row *t = seek(rows, KIND_TYPE, type, 0);
    *c = (struct contract_column){.name = copy_field(a, rows, row, COLUMN_NAME),
                                  .type = copy_field(a, rows, row, COLUMN_TYPE),
                                  .comment = comment ? arena_strdup(a, comment) : NULL};
    if (!is_of(t, KIND_TYPE, type))
        return;
    if (number(r, row->row, COLLATION) != number(r, t->row, COLLATION))
        c->collation = copy_field(a, rows, row, COLUMN_COLLATION);
    c->base = copy_field(a, rows, t, TYPE_BASE);
    if (field(rows, t, TYPE_VALUES))
        c->values = read_names(a, field(rows, t, TYPE_VALUES));
}

static void read_columns(struct contract *c, struct arena *a, const struct rows *rows, unsigned long view)
{
    const struct row *first = seek(rows, KIND_COLUMN, view, 0), *end = first;
    while (is_of(end, KIND_COLUMN, view))
        end++;
    c->n_columns = (size_t)(end - first);
    c->columns = arena_array(a, c->n_columns, sizeof *c->columns);
    for (size_t i = 0; i < c->n_columns; i++)
        read_column(&c->columns[i], a, rows, first + i);
}

static void read_contract(struct contract *c, struct arena *a, const struct rows *rows, const struct row *row)
{
    const char *options = field(rows, row, OPTIONS);
    *c = (struct contract){
        .view = copy_field(a, rows, row, VIEW),
        .security_barrier = catalog_option(a, options, "security_barrier"),
        .security_invoker = catalog_option(a, options, "security_invoker"),
        .owner_can_read = !is_of(seek(rows, KIND_UNREADABLE, row->object, 0), KIND_UNREADABLE, row->object),
        .reader_can_select = row->number != 0,
        .writers = catalog_writers(a, field(rows, row, ACL), field(rows, row, OWNER)),
        .definition = copy_field(a, rows, row, HASH),
    };
    read_columns(c, a, rows, row->object);
    contract_comment_read(c, a, description(rows, row->object, 0));
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
    struct rows rows = sort_rows(a, r);
    const struct row *first = seek(&rows, KIND_VIEW, 0, 0), *end = rows.list + rows.n; /* the last kind */
    *set = (struct contract_set){.n = (size_t)(end - first)};
    set->contracts = arena_array(a, set->n, sizeof *set->contracts);
    set->tombstones = arena_array(a, 1, sizeof *set->tombstones);
    for (size_t i = 0; i < set->n; i++)
        read_contract(&set->contracts[i], a, &rows, first + i);
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
