#include "worker/replay_table.h"

#include <string.h>

#include "worker/kept.h"
#include "worker/quote.h"
#include "worker/rows.h"
#include "worker/template.h"

enum { LONGEST_SQL = 1 << 20 };

/* s: the shadow's row, l: the live one, d: an entry of the list of differences. */
static const char create_template[] = "CREATE TABLE ${shadow} (LIKE ${live} INCLUDING ALL)";
/*
 * A row whose batch is not kept did not come this way, or its batch was pruned: nothing is known against it. It stands
 * in the shadow from the beginning, as it is: so it stays, what refers to it finds it, and what came later is held
 * against it as it was then.
 */
static const char seed_template[] =
    "INSERT INTO ${shadow} (${id_column}${names}, raw_batch, raw_line${gone_column})\n"
    "SELECT ${l_id}${l_names}, l.raw_batch, l.raw_line${l_gone} FROM ${live} l WHERE NOT (${l_is_kept})";
static const char pruned_template[] =
    "SELECT pg_catalog.count(*) FROM ${live} l JOIN raw.batch b ON b.id = l.raw_batch WHERE ${l_there}\n"
    "AND NOT " KEPT_CONDITION;
static const char restart_template[] =
    "UPDATE oriel.entity SET next_id = 1 WHERE name = $1 AND NOT EXISTS (SELECT FROM ${live})";
static const char analyze_template[] = "ANALYZE ${shadow}";
static const char align_template[] =
    "WITH other AS MATERIALIZED (\n"
    "    SELECT s.${id} AS old, l.${id} AS new FROM ${shadow} s JOIN ${live} l ON ${s_is_l} WHERE s.${id} <> "
    "l.${id}),\n"
    "own AS (UPDATE ${shadow} s SET ${id} = o.new FROM other o WHERE s.${id} = o.old)${align_children}\n"
    "SELECT pg_catalog.count(*) FROM other";
static const char report_template[] =
    "SELECT pg_catalog.count(*) FILTER (WHERE ${l_there}) AS now,\n"
    "       pg_catalog.count(*) FILTER (WHERE ${l_there}) + pg_catalog.count(*) FILTER (WHERE ${added})\n"
    "           - pg_catalog.count(*) FILTER (WHERE ${gone}) AS then,\n"
    "       pg_catalog.count(*) FILTER (WHERE ${added}) AS added,\n"
    "       pg_catalog.count(*) FILTER (WHERE ${l_there} AND ${s_there} AND (${differ})) AS changed,\n"
    "       pg_catalog.count(*) FILTER (WHERE ${gone}) AS gone${per_column}\n"
    "FROM ${shadow} s FULL JOIN ${live} l ON ${s_is_l}${where_scope}";
static const char differs_template[] =
    "CREATE TABLE ${list} AS\n"
    "SELECT pg_catalog.row_number() OVER (ORDER BY s.raw_batch, s.raw_line) AS n, ${either_keys}\n"
    "FROM ${shadow} s FULL JOIN ${live} l ON ${s_is_l}\n"
    "WHERE (${gone} OR l.ctid IS NULL OR (s.ctid IS NOT NULL AND (${differ}${or_gone_differs}\n"
    "       OR (s.raw_batch, s.raw_line) IS DISTINCT FROM (l.raw_batch, l.raw_line))))${and_scope};\n"
    "CREATE INDEX ON ${list} (n); ANALYZE ${list}";
static const char forget_template[] = "DROP TABLE IF EXISTS ${list}";
static const char insert_template[] =
    "WITH inserted AS (\n"
    "    INSERT INTO ${live} (${id_column}${names}, raw_batch, raw_line${gone_column})\n"
    "    SELECT ${s_id}${s_names}, s.raw_batch, s.raw_line${s_gone}\n"
    "    FROM ${list} d JOIN ${shadow} s ON ${s_is_d}\n"
    "    WHERE d.n BETWEEN $1::bigint AND $2::bigint AND NOT EXISTS (SELECT FROM ${live} l WHERE ${s_is_l})${parents}\n"
    "    RETURNING ${returning})${remember}\n"
    "SELECT pg_catalog.count(*) FROM inserted";
static const char update_template[] =
    "WITH updated AS (\n"
    "    UPDATE ${live} l SET ${assignments}raw_batch = s.raw_batch, raw_line = s.raw_line${assign_gone}\n"
    "    FROM ${list} d JOIN ${shadow} s ON ${s_is_d}\n"
    "    WHERE d.n BETWEEN $1::bigint AND $2::bigint AND ${s_is_l} AND (${differ}${or_gone_differs}\n"
    "          OR (s.raw_batch, s.raw_line) IS DISTINCT FROM (l.raw_batch, l.raw_line))${parents} RETURNING 1)\n"
    "SELECT pg_catalog.count(*) FROM updated";
static const char gone_template[] = "WITH gone AS (\n"
                                    "    ${remove} ${list} d\n"
                                    "    WHERE d.n BETWEEN $1::bigint AND $2::bigint AND ${l_is_d}${l_not_gone}\n"
                                    "      AND NOT EXISTS (SELECT FROM ${shadow} s WHERE ${s_is_l})\n"
                                    "      AND ${l_is_kept} RETURNING 1)\n"
                                    "SELECT pg_catalog.count(*) FROM gone";

enum columns { KEYS, DATA, ALL };

static const struct list {
    const char *name;
    enum columns columns;
    const char *item, *between, *after, *none; /* @ stands for the column */
} lists[] = {
    {"s_is_l", KEYS, "s.@ = l.@", " AND ", "", ""},
    {"s_is_d", KEYS, "s.@ = d.@", " AND ", "", ""},
    {"l_is_d", KEYS, "l.@ = d.@", " AND ", "", ""},
    {"either_keys", KEYS, "COALESCE(s.@, l.@) AS @", ", ", "", ""},
    {"differ", DATA, "s.@ IS DISTINCT FROM l.@", " OR ", "", "false"},
    {"names", ALL, "@", ", ", "", ""},
    {"s_names", ALL, "s.@", ", ", "", ""},
    {"l_names", ALL, "l.@", ", ", "", ""},
    {"assignments", DATA, "@ = s.@", ", ", ", ", ""},
    {"per_column", DATA,
     ",\n       pg_catalog.count(*) FILTER (WHERE ${l_there} AND ${s_there} AND s.@ IS DISTINCT FROM l.@)", "", "", ""},
};

enum condition { ALWAYS, HAS_ID, HAS_GONE_AT, NO_GONE_AT, SCOPED, REFERENCED, NOT_REFERENCED };

static const struct part {
    const char *name;
    enum condition condition;
    const char *text;
} parts[] = {
    {"l_there", HAS_GONE_AT, "l.ctid IS NOT NULL AND l.gone_at IS NULL"},
    {"l_there", NO_GONE_AT, "l.ctid IS NOT NULL"},
    {"s_there", HAS_GONE_AT, "s.ctid IS NOT NULL AND s.gone_at IS NULL"},
    {"s_there", NO_GONE_AT, "s.ctid IS NOT NULL"},
    {"added", ALWAYS, "${s_there} AND NOT (${l_there})"},
    {"gone", ALWAYS,
     "${l_there} AND NOT (${s_there}) AND (s.ctid IS NOT NULL\n"
     "           OR ${l_is_kept})"},
    {"l_is_kept", ALWAYS, "EXISTS (SELECT FROM raw.batch b WHERE b.id = l.raw_batch AND " KEPT_CONDITION ")"},
    {"or_gone_differs", HAS_GONE_AT, " OR (s.gone_at IS NULL) <> (l.gone_at IS NULL)"},
    {"id_column", HAS_ID, "${id}, "},
    {"s_id", HAS_ID, "s.${id}, "},
    {"l_id", HAS_ID, "l.${id}, "},
    {"gone_column", HAS_GONE_AT, ", gone_at"},
    {"s_gone", HAS_GONE_AT, ", s.gone_at"},
    {"l_gone", HAS_GONE_AT, ", l.gone_at"},
    {"assign_gone", HAS_GONE_AT,
     ",\n        gone_at = CASE WHEN s.gone_at IS NOT NULL THEN COALESCE(l.gone_at, s.gone_at) END"},
    {"remove", HAS_GONE_AT, "UPDATE ${live} l SET gone_at = pg_catalog.now() FROM"},
    {"remove", NO_GONE_AT, "DELETE FROM ${live} l USING"},
    {"l_not_gone", HAS_GONE_AT, " AND l.gone_at IS NULL"},
    {"where_scope", SCOPED,
     "\nWHERE (s.raw_batch IN (SELECT id FROM replay.scope) OR l.raw_batch IN (SELECT id FROM replay.scope))"},
    {"and_scope", SCOPED,
     "\n  AND (s.raw_batch IN (SELECT id FROM replay.scope) OR l.raw_batch IN (SELECT id FROM replay.scope))"},
    {"returning", NOT_REFERENCED, "1"},
    {"returning", REFERENCED, "${own_client} AS client, ${own_key}::text AS key"},
    {"remember", REFERENCED,
     ",\nremembered AS (\n"
     "    INSERT INTO pg_temp.arrived (entity, client, key) SELECT ${entity}, i.client, i.key FROM inserted i\n"
     "    WHERE EXISTS (SELECT FROM raw.parked p WHERE p.target = ${entity}))"},
};

static void put_table(struct buf *b, const char *schema, const char *table)
{
    quote_identifier(b, schema);
    buf_putc(b, '.');
    quote_identifier(b, table);
}

static bool is_referenced(const struct replay_table *t)
{
    for (const struct entity *e = t->set->list; e < t->set->list + t->set->n; e++)
        for (const struct field *f = e->fields; f < e->fields + e->n_fields; f++)
            if (f->reference && strcmp(f->reference, t->entity->name) == 0)
                return true;
    return false;
}

static bool holds(const struct replay_table *t, enum condition condition)
{
    switch (condition) {
    case ALWAYS:
        return true;
    case HAS_ID:
        return t->entity->id;
    case HAS_GONE_AT:
        return t->has_gone_at;
    case NO_GONE_AT:
        return !t->has_gone_at;
    case SCOPED:
        return t->scoped;
    case REFERENCED:
        return is_referenced(t);
    case NOT_REFERENCED:
        return !is_referenced(t);
    }
    return false;
}

/* Of several files that write one reference, the first is asked; they agree on what it is. */
static const struct field *reference_field(const struct entity_set *set, const char *entity, size_t *next_file,
                                           size_t *next_field)
{
    for (; *next_file < set->n; (*next_file)++, *next_field = 0) {
        const struct entity *e = &set->list[*next_file];
        if (strcmp(e->name, entity) != 0)
            continue;
        while (*next_field < e->n_fields) {
            const struct field *f = &e->fields[(*next_field)++];
            if (f->reference && field_is_stored(f))
                return f;
        }
    }
    return NULL;
}

/* A row goes in when what it refers to is there: of a scope, another batch may have to bring it. */
static void put_parents(const struct replay_table *t, struct buf *b)
{
    size_t file = 0, field = 0;
    for (const struct field *f; (f = reference_field(t->set, t->entity->name, &file, &field));) {
        const struct entity *target = entity_by_name(t->set, f->reference);
        if (strcmp(target->name, t->entity->name) == 0) /* all of its rows go in at once: see refers_to_itself */
            continue;
        buf_puts(b, "\n      AND (s.");
        quote_identifier(b, f->name);
        buf_puts(b, " IS NULL OR EXISTS (SELECT FROM ");
        put_table(b, target->schema, target->table);
        buf_puts(b, " r WHERE r.");
        quote_identifier(b, target->id);
        buf_puts(b, " = s.");
        quote_identifier(b, f->name);
        buf_puts(b, "))");
    }
}

/* Each column of a shadow that refers to this entity goes to the new ids with it. */
static void put_children(const struct replay_table *t, struct buf *b)
{
    size_t n = 0;
    for (const struct entity *e = t->set->list; e < t->set->list + t->set->n; e++) {
        bool first = t->chosen[e - t->set->list] && entity_by_name(t->set, e->name) == e;
        for (const struct field *f = e->fields; first && f < e->fields + e->n_fields; f++) {
            if (!f->reference || strcmp(f->reference, t->entity->name) != 0)
                continue;
            buf_printf(b, ",\nchild_%zu AS (UPDATE ", n++);
            put_table(b, SCHEMA_REPLAY, e->table);
            buf_puts(b, " s SET ");
            quote_identifier(b, f->name);
            buf_puts(b, " = o.new FROM other o WHERE s.");
            quote_identifier(b, f->name);
            buf_puts(b, " = o.old)");
        }
    }
}

static bool put_text(const struct replay_table *t, struct buf *b, const char *name, size_t n)
{
    const struct entity *e = t->entity;
    if (template_is(name, n, "shadow"))
        put_table(b, SCHEMA_REPLAY, e->table);
    else if (template_is(name, n, "live"))
        put_table(b, e->schema, e->table);
    else if (template_is(name, n, "list"))
        buf_puts(b, t->list);
    else if (template_is(name, n, "id"))
        quote_identifier(b, e->id);
    else if (template_is(name, n, "entity"))
        quote_string(b, e->name);
    else if (template_is(name, n, "own_client"))
        buf_puts(b, e->keyed_by_client ? "client" : "''");
    else if (template_is(name, n, "own_key"))
        quote_identifier(b, entity_key_field(e)->name);
    else if (template_is(name, n, "parents"))
        put_parents(t, b);
    else if (template_is(name, n, "align_children"))
        put_children(t, b);
    else
        return false;
    return true;
}

static bool put_name(const void *context, struct buf *b, const char *name, size_t n);

static void put_item(const struct replay_table *t, struct buf *b, const char *item, const char *column)
{
    struct buf text;
    buf_init(&text, LONGEST_SQL);
    for (; *item; item++) {
        if (*item == '@')
            buf_puts(&text, column);
        else
            buf_putc(&text, *item);
    }
    template_expand(b, buf_str(&text), put_name, t);
    buf_release(&text);
}

static bool put_list(const struct replay_table *t, struct buf *b, const char *name, size_t n)
{
    for (const struct list *l = lists; l < lists + ARRAY_SIZE(lists); l++) {
        if (!template_is(name, n, l->name))
            continue;
        size_t first = l->columns == DATA ? t->n_keys : 0, end = l->columns == KEYS ? t->n_keys : t->n_columns;
        for (size_t i = first; i < end; i++) {
            buf_puts(b, i > first ? l->between : "");
            put_item(t, b, l->item, t->columns[i]);
        }
        buf_puts(b, first < end ? l->after : l->none);
        return true;
    }
    return false;
}

static bool put_part(const struct replay_table *t, struct buf *b, const char *name, size_t n)
{
    bool known = false;
    for (const struct part *part = parts; part < parts + ARRAY_SIZE(parts); part++) {
        if (!template_is(name, n, part->name))
            continue;
        known = true;
        if (holds(t, part->condition))
            template_expand(b, part->text, put_name, t);
    }
    return known;
}

static bool put_name(const void *context, struct buf *b, const char *name, size_t n)
{
    const struct replay_table *t = context;
    return put_text(t, b, name, n) || put_list(t, b, name, n) || put_part(t, b, name, n);
}

static const char *statement(const struct replay_table *t, struct arena *a, const char *template)
{
    struct buf b;
    buf_init(&b, LONGEST_SQL);
    template_expand(&b, template, put_name, t);
    const char *s = b.failed ? NULL : arena_strdup(a, buf_str(&b));
    buf_release(&b);
    return s;
}

/* ---- columns ---- */

static bool has_column(const char *const *columns, size_t n, const char *column)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(columns[i], column) == 0)
            return true;
    return false;
}

static void list_columns(struct replay_table *t, struct arena *a)
{
    size_t room = 1;
    for (const char *const *key = t->entity->primary_key; *key; key++)
        room++;
    for (size_t i = 0; i < t->set->n; i++)
        room += t->set->list[i].n_fields;
    const char **names = arena_array(a, room, sizeof *names), **columns = arena_array(a, room, sizeof *columns);
    for (const char *const *key = t->entity->primary_key; *key; key++)
        names[t->n_columns++] = *key;
    t->n_keys = t->n_columns;
    for (const struct entity *e = t->set->list; e < t->set->list + t->set->n; e++)
        for (const struct field *f = e->fields; strcmp(e->name, t->entity->name) == 0 && f < e->fields + e->n_fields;
             f++)
            if (field_is_stored(f) && !has_column(names, t->n_columns, f->name))
                names[t->n_columns++] = f->name;
    for (size_t i = 0; i < t->n_columns; i++)
        columns[i] = quote_name(a, names[i]);
    t->names = names;
    t->columns = columns;
}

void replay_table_make(struct replay_table *t, struct arena *a, const struct entity_set *set, size_t i,
                       const bool *chosen, const struct relation *relation, bool scoped)
{
    *t = (struct replay_table){.entity = &set->list[i], .set = set, .chosen = chosen, .scoped = scoped};
    t->has_gone_at = relation_column(relation, COLUMN_GONE_AT);
    t->list = arena_printf(a, SCHEMA_REPLAY ".differs_%zu", i);
    list_columns(t, a);
    for (size_t k = 0; k < t->entity->n_fields; k++) {
        const char *reference = t->entity->fields[k].reference;
        t->refers_to_itself = t->refers_to_itself || (reference && strcmp(reference, t->entity->name) == 0);
    }
    t->create = statement(t, a, create_template);
    t->seed = statement(t, a, seed_template);
    t->pruned = statement(t, a, pruned_template);
    t->restart = t->entity->id ? statement(t, a, restart_template) : NULL;
    t->analyze = statement(t, a, analyze_template);
    t->align = t->entity->id ? statement(t, a, align_template) : NULL;
    t->report = statement(t, a, report_template);
    t->differs = statement(t, a, differs_template);
    t->forget = statement(t, a, forget_template);
    t->insert = statement(t, a, insert_template);
    t->update = statement(t, a, update_template);
    t->gone = statement(t, a, gone_template);
}

const char *replay_table_example(const struct replay_table *t, struct arena *a, size_t column)
{
    const char *name = t->columns[column];
    return statement(t, a,
                     arena_printf(a,
                                  "SELECT l.%s::text, s.%s::text FROM ${shadow} s JOIN ${live} l ON ${s_is_l}\n"
                                  "WHERE ${l_there} AND ${s_there} AND s.%s IS DISTINCT FROM l.%s${and_scope} LIMIT 1",
                                  name, name, name, name));
}
