#include "worker/check.h"

#include <stdarg.h>
#include <unistd.h>

#include "worker/entity_test.h"
#include "worker/relation.h"
#include "worker/rows.h"

static void tell(struct check *c, bool ok, const char *format, ...) printf_like(3, 4);
static void tell(struct check *c, bool ok, const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    c->failures += !ok;
    c->tell(ok, line);
}

/* ---- tests ---- */

void check_tests(struct check *c)
{
    for (const struct entity *e = c->entities->list; e < c->entities->list + c->entities->n; e++) {
        size_t n = strlen(e->path);
        const char *path = arena_printf(c->arena, "%.*s.test.json", (int)(n - strlen(".json")), e->path);
        int n_tests = 0;
        if (access(path, F_OK) != 0) {
            tell(c, true, "entity %s: has no tests (%s)", e->file, path);
            continue;
        }
        bool passed = entity_test_run(e, path, c->arena, &n_tests) == 0;
        tell(c, passed, "entity %s: %d tests%s", e->file, n_tests, passed ? "" : ", not all of them hold");
    }
}

/* ---- tables ---- */

/* Families of column types that take a field's text (relation_column.category): pg_type's letter, or a name of ours. */
static const char *const taken_by[][5] = {
    [TYPE_STRING] = {"S", "E", "U", "I"},
    [TYPE_INTEGER] = {"integer", "N"},
    [TYPE_NUMBER] = {"N"},
    [TYPE_BOOLEAN] = {"B"},
    [TYPE_DATE] = {"date"},
    [TYPE_TIME] = {"time without time zone"},
    [TYPE_DATETIME] = {"timestamp with time zone", "timestamp without time zone"},
    [TYPE_OBJECT] = {"jsonb"},
    [TYPE_ARRAY] = {"jsonb"},
};
static const char *const type_names[] = {
    [TYPE_STRING] = "string",     [TYPE_INTEGER] = "integer", [TYPE_NUMBER] = "number",
    [TYPE_BOOLEAN] = "boolean",   [TYPE_DATE] = "date",       [TYPE_TIME] = "time",
    [TYPE_DATETIME] = "datetime", [TYPE_OBJECT] = "object",   [TYPE_ARRAY] = "array",
};

static bool takes(const char *const *families, const char *category)
{
    for (; *families; families++)
        if (strcmp(*families, category) == 0)
            return true;
    return false;
}

/* Says of one entity file and its table what does not fit. */
struct fit {
    struct check *check;
    const struct entity *entity;
    const struct relation *relation;
    int problems;
};

static void misfit(struct fit *f, const char *format, ...) printf_like(2, 3);
static void misfit(struct fit *f, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    f->problems++;
    tell(f->check, false, "entity %s, table %s.%s: %s", f->entity->file, f->entity->schema, f->entity->table, text);
}

static const struct relation_column *need_column(struct fit *f, const char *name, const char *what)
{
    const struct relation_column *column = relation_column(f->relation, name);
    if (!column)
        misfit(f, "has no column \"%s\" (%s)", name, what);
    else if (column->always_generated)
        misfit(f, "column \"%s\" (%s) is made by Postgres and cannot be written", name, what);
    return column;
}

static void need_integer(struct fit *f, const char *name, const char *what)
{
    const struct relation_column *column = need_column(f, name, what);
    if (column && strcmp(column->category, "integer") != 0)
        misfit(f, "column \"%s\" (%s) is %s; an integer type is needed", name, what, column->type);
}

static void check_field(struct fit *f, const struct field *field)
{
    if (field->reference) {
        need_integer(f, field->name, "the id of what it refers to");
        return;
    }
    const struct relation_column *column = need_column(f, field->name, "a field");
    if (!column)
        return;
    if (strcmp(column->category, "json") == 0)
        misfit(f, "column \"%s\" is json, which Postgres cannot compare; make it jsonb", field->name);
    else if (!takes(taken_by[field->type], column->category))
        misfit(f, "column \"%s\" is %s, which does not take a field of type %s", field->name, column->type,
               type_names[field->type]);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Columns as relation.unique_keys has them: sorted, joined by ",". */
static const char *joined(struct arena *a, const char *const *names)
{
    size_t n = 0;
    while (names[n])
        n++;
    const char **sorted = arena_array(a, n + 1, sizeof *sorted);
    memcpy(sorted, names, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_text);
    struct buf b;
    buf_init(&b, 1 << 16);
    for (size_t i = 0; i < n; i++)
        buf_printf(&b, "%s%s", i ? "," : "", sorted[i]);
    const char *s = arena_strdup(a, buf_str(&b));
    buf_release(&b);
    return s;
}

static void check_key(struct fit *f, const char *const *columns, const char *what)
{
    const char *key = joined(f->check->arena, columns);
    for (const char *const *name = columns; *name; name++) {
        const struct relation_column *column = relation_column(f->relation, *name);
        if (column && !column->not_null)
            misfit(f, "column \"%s\" of the %s can be null; make it NOT NULL", *name, what);
    }
    for (const char *const *unique = f->relation->unique_keys; *unique; unique++)
        if (strcmp(*unique, key) == 0)
            return;
    misfit(f, "has no unique index on the %s (%s) that holds for all rows", what, key);
}

static void check_unwritten(struct fit *f)
{
    for (const struct relation_column *c = f->relation->columns; c < f->relation->columns + f->relation->n_columns;
         c++) {
        const struct field *field = entity_find_field(f->entity, c->name);
        if (c->not_null && !c->has_default && !entity_adds(f->entity, c->name) && !(field && field_is_stored(field)))
            misfit(f, "column \"%s\" is NOT NULL without a default, and no field writes it", c->name);
    }
}

static void check_table(struct check *c, const struct entity *e, const struct relation *r)
{
    struct fit f = {.check = c, .entity = e, .relation = r};
    if (!r->n_columns) {
        misfit(&f, "there is no such table; `oriel change expand` applies the changes that make it");
        return;
    }
    need_integer(&f, COLUMN_RAW_BATCH, "lineage");
    need_integer(&f, COLUMN_RAW_LINE, "lineage");
    if (e->keyed_by_client)
        (void)need_column(&f, "client", "of the natural key");
    if (e->id) {
        need_integer(&f, e->id, "the id");
        check_key(&f, (const char *const[]){e->id, NULL}, "id");
    }
    for (size_t i = 0; i < e->n_fields; i++)
        check_field(&f, &e->fields[i]);
    check_key(&f, e->primary_key, "natural key");
    check_unwritten(&f);
    if (!f.problems)
        tell(c, true, "entity %s: fits table %s.%s", e->file, e->schema, e->table);
}

int check_tables(struct check *c, struct session *s)
{
    for (const struct entity *e = c->entities->list; e < c->entities->list + c->entities->n; e++) {
        struct relation r;
        if (relation_read(&r, s, c->arena, e->schema, e->table) < 0)
            return -1;
        check_table(c, e, &r);
    }
    return 0;
}

/* ---- contracts ---- */

/*
 * Per contract the columns of private tables that it reads, through private views as well. Columns that Postgres fills
 * by itself when they are not written are left out.
 */
static const char reads_sql[] =
    "WITH RECURSIVE reads (contract, relation, attribute) AS (\n"
    "    SELECT v.relname, d.refobjid, d.refobjsubid\n"
    "    FROM pg_catalog.pg_class v\n"
    "    JOIN pg_catalog.pg_namespace n ON n.oid = v.relnamespace AND n.nspname = '" SCHEMA_API "'\n"
    "    JOIN pg_catalog.pg_rewrite r ON r.ev_class = v.oid\n"
    "    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid\n"
    "         AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid <> v.oid\n"
    "    WHERE v.relkind = 'v'\n"
    "  UNION\n"
    "    SELECT reads.contract, d.refobjid, d.refobjsubid\n"
    "    FROM reads\n"
    "    JOIN pg_catalog.pg_rewrite r ON r.ev_class = reads.relation\n"
    "    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid\n"
    "         AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid <> reads.relation)\n"
    "SELECT DISTINCT reads.contract, n.nspname, t.relname, a.attname,\n"
    "       a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> ''\n"
    "FROM reads\n"
    "JOIN pg_catalog.pg_class t ON t.oid = reads.relation AND t.relkind IN ('r', 'p')\n"
    "JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace\n"
    "JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = reads.attribute\n"
    "ORDER BY 1, 2, 3, 4";

/* Tells the entity files of a table that do not write a column. Whether all do. */
static bool is_written(struct check *c, const char *contract, const char *schema, const char *table, const char *column)
{
    bool all = true;
    for (const struct entity *e = c->entities->list; e < c->entities->list + c->entities->n; e++) {
        if (strcmp(e->schema, schema) != 0 || strcmp(e->table, table) != 0 || entity_adds(e, column) ||
            entity_find_field(e, column))
            continue;
        tell(c, false,
             "contract %s reads %s.%s.%s, which entity %s does not write; give it a field of that name, "
             "with \"from\": null where this source has none",
             contract, schema, table, column, e->file);
        all = false;
    }
    return all;
}

int check_contracts(struct check *c, struct session *s)
{
    PGresult *r = session_query(s, "reading what contracts depend on", reads_sql, 0, NULL);
    if (!r)
        return -1;
    int n = PQntuples(r);
    bool good = true;
    for (int i = 0; i < n; i++) {
        const char *contract = PQgetvalue(r, i, 0);
        if (*PQgetvalue(r, i, 4) != 't')
            good &= is_written(c, contract, PQgetvalue(r, i, 1), PQgetvalue(r, i, 2), PQgetvalue(r, i, 3));
        bool last_of_contract = i + 1 == n || strcmp(contract, PQgetvalue(r, i + 1, 0)) != 0;
        if (last_of_contract && good)
            tell(c, true, "contract %s: reads only columns that are written", contract);
        good = last_of_contract || good;
    }
    PQclear(r);
    return 0;
}
