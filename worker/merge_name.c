/*
 * What the names in the statements of merge_sql.c stand for: a text of the entity (put_text), a list over its columns
 * (lists), or a part that only some entities need (parts); in a list's item also a text of the column.
 */
#include "worker/merge_plan.h"

#include "worker/quote.h"
#include "worker/template.h"

static void expand(const struct merge_plan *p, const struct merge_column *c, struct buf *b, const char *template);

/* ---- lists over columns ---- */

enum wanted { ALL, FIELDS, KEY, NEAR, DATA, ORDER, REFERENCE, SELF_REFERENCE, MISSING_REJECT, MISSING_PARK, MISSING };

/* For each wanted column the item, with what stands around and between them; or, where none is wanted, `none`. */
static const struct list {
    const char *name;
    enum wanted wanted;
    const char *before, *item, *between, *after, *none;
} lists[] = {
    {"staging", FIELDS, ", ", "${stage_name} ${type}", ", ", "", ""},
    {"staged_names", FIELDS, ", ", "${stage_name}", ", ", "", ""},
    {"keys", KEY, "", "${stage_name}", ", ", "", ""},
    {"s_keys", KEY, "", "s.${stage_name}", ", ", "", ""},
    {"s_all", ALL, "", "s.${stage_name}", ", ", "", ""},
    {"s_order", ORDER, "", "s.${stage_name} DESC NULLS LAST", ", ", ", ", ""},
    {"judged_columns", ALL, "", "${staged} AS c${number}", ", ", "", ""},
    {"judged_keys", REFERENCE, ", ", "s.${stage_name} AS k${number}", ", ", "", ""},
    {"references", REFERENCE, "",
     "\n    LEFT JOIN ${target_table} r${number} ON r${number}.${target_key} = s.${stage_name}${same_client}", "", "",
     ""},
    {"later", SELF_REFERENCE, " WHEN ", "(s.${stage_name} IS NOT NULL AND ${staged} IS NULL AND ${is_staged})", " OR ",
     " THEN 'l'", ""},
    {"reject", MISSING_REJECT, " WHEN ", "(s.${stage_name} IS NOT NULL AND ${staged} IS NULL)", " OR ", " THEN 'r'",
     ""},
    {"park", MISSING_PARK, " WHEN ", "(s.${stage_name} IS NOT NULL AND ${staged} IS NULL)", " OR ", " THEN 'p'", ""},
    /* the same for a few rows, by subqueries: not to be stored now */
    {"stays_out", MISSING, "", "(s.${stage_name} IS NOT NULL AND ${found} IS NULL)", " OR ", "", "false"},
    {"or_later", SELF_REFERENCE, " OR ", "(s.${stage_name} IS NOT NULL AND ${found} IS NULL AND ${is_staged})", " OR ",
     "", ""},
    {"t_is_staged", KEY, "", "t.${name} = ${staged}", " AND ", "", ""},
    {"t_keys", KEY, "", "t.${name}", ", ", "", ""},
    {"j_keys", KEY, "", "j.c${number}", ", ", "", ""},
    {"t_is_judged", KEY, "", "t.${name} = j.c${number}", " AND ", "", ""},
    {"t_is_near", NEAR, "",
     "${t_is_clients}t.${name} BETWEEN (SELECT ${least} FROM pg_temp.${stage} s${by_least})\n"
     "        AND (SELECT ${greatest} FROM pg_temp.${stage} s${by_greatest})",
     "", "", ""},
    {"t_is_found", KEY, "", "t.${name} = ${found}", " AND ", "", ""},
    {"is_same", DATA, " AND ", "${found_same}", " AND ", "", ""},
    {"l_is_judged", KEY, "", "l.${name} = j.c${number}", " AND ", "", ""},
    {"differs", DATA, "", "t.${name} IS DISTINCT FROM ${staged}", " OR ", "", "false"},
    {"columns", ALL, "", "${name}", ", ", "", ""},
    {"j_columns", ALL, "", "j.c${number}", ", ", "", ""},
    {"j_staged", ALL, "", "j.${stage_name}", ", ", "", ""},
    {"assignments", DATA, "", "${name} = j.c${number}", ", ", ", ", ""},
    {"stale", ORDER, "",
     "CASE WHEN t.${name} IS NOT DISTINCT FROM ${staged} THEN ${arrived_earlier}\n"
     "                     ELSE ${staged} IS NULL OR ${staged} < t.${name} END",
     "", "", "${arrived_earlier}"},
    {"order_field", ORDER, "", "${field}, 'orderBy', pg_catalog.left(j.c${number}::text, 200)", "", "",
     "NULL, 'arrival', NULL"},
    {"unresolved", REFERENCE, "",
     "\n    UNION ALL SELECT j.raw_batch, j.raw_line, ${file}, ${field}, 'reference',\n"
     "        pg_catalog.left(j.k${number}::text, 200), 'unresolved_reference', ${missing_action},\n"
     "        'no ' || ${target} || ' has this key'\n"
     "    FROM judged j WHERE j.k${number} IS NOT NULL AND j.c${number} IS NULL AND j.outcome NOT IN ('p', 'l')",
     "", "", ""},
    {"j_texts", KEY, "", "${judged_text}", ", ", "", ""},
    {"waits", MISSING_PARK, "",
     "SELECT j.raw_batch, j.raw_line, ${file}, ${field}, ${target_client}, ${target}, j.k${number}::text,\n"
     "           ${entity} || ' ' || ROW (${j_texts})::text\n"
     "    FROM judged j WHERE j.outcome = 'p' AND j.k${number} IS NOT NULL AND j.c${number} IS NULL",
     "\n    UNION ALL ", "", ""},
};

static bool is_wanted(const struct merge_plan *p, const struct merge_column *c, enum wanted wanted)
{
    switch (wanted) {
    case ALL:
        return true;
    case FIELDS:
        return c->field;
    case KEY:
        return c->key;
    case NEAR:
        return c == p->near;
    case DATA:
        return !c->key;
    case ORDER:
        return c->order;
    case REFERENCE:
        return c->target;
    case SELF_REFERENCE:
        return p->some && c->target && strcmp(c->target->name, p->entity->name) == 0;
    case MISSING_REJECT:
        return c->target && c->field->on_missing == ACTION_REJECT;
    case MISSING_PARK:
        return c->target && c->field->on_missing == ACTION_PARK;
    case MISSING:
        return is_wanted(p, c, MISSING_REJECT) || is_wanted(p, c, MISSING_PARK);
    }
    return false;
}

/* ---- parts that only some entities need ---- */

enum condition {
    ALWAYS,
    LIVE,
    SHADOW_ID,
    HAS_ID,
    HAS_NO_ID,
    HAS_GONE_AT,
    SEEN_WHEN_MERGED,
    IS_REFERENCED,
    NOT_REFERENCED,
    PARKS,
    PARKS_ON_ITSELF,
    SOME,
    KEYED_BY_CLIENT,
    ALL_NEW,
    NOT_ALL_NEW
};

static const struct part {
    const char *name;
    enum condition condition;
    const char *text;
} parts[] = {
    {"arrived_earlier", ALWAYS, "(t.raw_batch, t.raw_line) > (s.raw_batch, s.raw_line)"},
    {"joined", ALL_NEW, "false"},
    {"joined", NOT_ALL_NEW, "${t_is_staged}"},
    {"t_is_clients", KEYED_BY_CLIENT,
     "t.client = ANY (ARRAY (SELECT DISTINCT s.raw_client FROM pg_temp.${stage} s)) AND "},
    {"and_there", HAS_GONE_AT, " AND t.gone_at IS NULL"},
    {"or_gone", HAS_GONE_AT, " OR t.gone_at IS NOT NULL"},
    {"not_gone", HAS_GONE_AT, "gone_at = NULL, "},
    {"id", HAS_ID, "${id_name}, "},
    {"next_id", HAS_ID,
     "${kept_id}(SELECT e.next_id FROM oriel.entity e WHERE e.name = ${entity}) - 1\n"
     "           + pg_catalog.${counted_new} OVER (ORDER BY j.raw_batch, j.raw_line)${end_kept_id}, "},
    {"advance_id", HAS_ID,
     ",\nadvanced AS (\n"
     "    UPDATE oriel.entity e SET next_id = e.next_id + d.n\n"
     "    FROM (SELECT pg_catalog.count(*) AS n FROM judged j${kept} WHERE j.outcome = 'i'${not_kept}) d\n"
     "    WHERE e.name = ${entity} AND d.n > 0)"},
    {"advance_id_by_all", HAS_ID,
     ",\nadvanced AS (\n"
     "    UPDATE oriel.entity e SET next_id = e.next_id + (SELECT pg_catalog.count(*) FROM pg_temp.${stage})\n"
     "    WHERE e.name = ${entity})"},
    /* in a shadow, a row that stands in the live table has that row's id */
    {"kept", SHADOW_ID, " LEFT JOIN ${live} l ON ${l_is_judged}"},
    {"not_kept", SHADOW_ID, " AND l.${id_name} IS NULL"},
    {"kept_id", SHADOW_ID, "COALESCE(l.${id_name}, "},
    {"end_kept_id", SHADOW_ID, ")"},
    {"counted_new", SHADOW_ID, "count(*) FILTER (WHERE l.${id_name} IS NULL)"},
    {"counted_new", LIVE, "row_number()"},
    {"returning", NOT_REFERENCED, "1"},
    {"returning", IS_REFERENCED, "${own_client} AS client, ${own_key}::text AS key"},
    {"take_ids", HAS_ID,
     ", taken AS (\n"
     "    UPDATE oriel.entity SET next_id = next_id + $2::integer WHERE name = ${entity}\n"
     "    RETURNING next_id - $2::integer AS first)\n"},
    {"first_id", HAS_ID, "(SELECT first FROM taken)"},
    {"first_id", HAS_NO_ID, "0"},
    {"is_waited_for", IS_REFERENCED, "EXISTS (SELECT FROM ${ledger}.parked p WHERE p.target = ${entity})"},
    {"is_waited_for", NOT_REFERENCED, "false"},
    {"and_client", KEYED_BY_CLIENT, ", client"},
    {"remember_seen", SEEN_WHEN_MERGED,
     ",\nseen AS (\n"
     "    INSERT INTO ${ledger}.seen (delivery, entity, key)\n"
     "    SELECT d.delivery, ${entity}, ROW (${j_keys})::text FROM judged j CROSS JOIN pg_temp.complete d\n"
     "    WHERE j.outcome <> 'l')"},
    /* what others may wait for; nothing is remembered while nobody waits */
    {"remember_arrived", IS_REFERENCED,
     ",\nremembered AS (\n"
     "    INSERT INTO pg_temp.arrived (entity, client, key) SELECT ${entity}, i.client, i.key FROM inserted i\n"
     "    WHERE EXISTS (SELECT FROM ${ledger}.parked p WHERE p.target = ${entity})${or_parks_now})"},
    /* for what this very statement brings */
    {"or_parks_now", PARKS_ON_ITSELF, " OR EXISTS (SELECT FROM judged j WHERE j.outcome = 'p')"},
    {"keep_waiting", PARKS,
     ",\nwaiting AS (\n"
     "    INSERT INTO ${ledger}.parked (batch, line, entity, field, client, target, key, own)\n"
     "    ${waits})"},
    {"take_out", SOME,
     ",\ntaken_out AS (\n"
     "    DELETE FROM pg_temp.${stage} s USING judged j WHERE s.ctid = j.place AND j.outcome <> 'l')"},
};

static bool holds(const struct merge_plan *p, enum condition condition)
{
    switch (condition) {
    case ALWAYS:
        return true;
    case LIVE:
        return !p->entity->live_schema;
    case SHADOW_ID:
        return p->entity->live_schema && p->entity->id;
    case HAS_ID:
        return p->entity->id;
    case HAS_NO_ID:
        return !p->entity->id;
    case HAS_GONE_AT:
        return p->has_gone_at;
    case SEEN_WHEN_MERGED:
        return p->has_gone_at && p->key_refers;
    case IS_REFERENCED:
        return p->referenced;
    case NOT_REFERENCED:
        return !p->referenced;
    case PARKS:
        return p->parks;
    case PARKS_ON_ITSELF:
        return p->parks && p->refers_to_itself;
    case SOME:
        return p->some;
    case KEYED_BY_CLIENT:
        return p->entity->keyed_by_client;
    case ALL_NEW:
        return p->all_new;
    case NOT_ALL_NEW:
        return !p->all_new;
    }
    return false;
}

/* ---- texts ---- */

static void put_table(struct buf *b, const char *schema, const char *table)
{
    quote_identifier(b, schema);
    buf_putc(b, '.');
    quote_identifier(b, table);
}

/* A text of the entity. */
static bool put_text(const struct merge_plan *p, struct buf *b, const char *name, size_t n)
{
    const struct entity *e = p->entity;
    if (template_is(name, n, "ledger"))
        buf_puts(b, p->ledger);
    else if (template_is(name, n, "stage"))
        buf_printf(b, "stage_%zu", p->number);
    else if (template_is(name, n, "table"))
        put_table(b, e->schema, e->table);
    else if (template_is(name, n, "live"))
        put_table(b, e->live_schema, e->table);
    else if (template_is(name, n, "file"))
        quote_string(b, e->file);
    else if (template_is(name, n, "entity"))
        quote_string(b, e->name);
    else if (template_is(name, n, "id_name"))
        quote_identifier(b, e->id);
    else if (template_is(name, n, "own_client"))
        buf_puts(b, e->keyed_by_client ? "client" : "''");
    else if (template_is(name, n, "own_key"))
        quote_identifier(b, entity_key_field(e)->name);
    else
        return false;
    return true;
}

/* A text of a column that is a reference. */
static bool put_reference_text(const struct merge_plan *p, const struct merge_column *c, struct buf *b,
                               const char *name, size_t n)
{
    const struct entity *target = c->target;
    bool client = target->keyed_by_client;
    if (template_is(name, n, "target"))
        quote_string(b, target->name);
    else if (template_is(name, n, "target_table"))
        put_table(b, target->schema, target->table);
    else if (template_is(name, n, "target_id"))
        quote_identifier(b, target->id);
    else if (template_is(name, n, "target_key"))
        buf_puts(b, c->target_key);
    else if (template_is(name, n, "target_client"))
        buf_puts(b, client ? "j.raw_client" : "''");
    else if (template_is(name, n, "same_client") && client)
        buf_printf(b, " AND r%td.client = s.raw_client", c - p->columns);
    else if (template_is(name, n, "is_staged"))
        buf_printf(b, "(%s%s) IN (SELECT %s%s FROM pg_temp.stage_%zu)", client ? "s.raw_client, s." : "s.",
                   c->stage_name, client ? "raw_client, " : "", c->target_key, p->number);
    else if (template_is(name, n, "missing_action"))
        buf_puts(b, c->field->on_missing == ACTION_NULL ? "'null'" : "'reject'");
    else
        return template_is(name, n, "same_client");
    return true;
}

static const char found_reference[] = "(SELECT r${number}.${target_id} FROM ${target_table} r${number}\n"
                                      "        WHERE r${number}.${target_key} = s.${stage_name}${same_client})";
static const char same_reference[] =
    "CASE WHEN s.${stage_name} IS NULL THEN t.${name} IS NULL ELSE t.${name} = ${found} END";

/* The extremes of a column. Sorting serves all types, but costs five times as much as an aggregate where there is one.
 */
static const struct extreme {
    const char *name;
    const char *aggregate, *sort;
} extremes[] = {
    {"least", "pg_catalog.min(s.${stage_name})", "s.${stage_name}"},
    {"by_least", "", " ORDER BY s.${stage_name} LIMIT 1"},
    {"greatest", "pg_catalog.max(s.${stage_name})", "s.${stage_name}"},
    {"by_greatest", "", " ORDER BY s.${stage_name} DESC NULLS LAST LIMIT 1"},
};

/* Types, as format_type() begins them, of which Postgres knows least and greatest. */
static bool has_extremes(const char *type)
{
    static const char *const types[] = {"text",     "character varying", "bigint", "integer",
                                        "smallint", "numeric",           "date",   "timestamp"};
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if (strncmp(type, types[i], strlen(types[i])) == 0)
            return true;
    return false;
}

static bool put_extreme(const struct merge_plan *p, const struct merge_column *c, struct buf *b, const char *name,
                        size_t n)
{
    for (const struct extreme *e = extremes; e < extremes + ARRAY_SIZE(extremes); e++)
        if (template_is(name, n, e->name)) {
            expand(p, c, b, has_extremes(c->type) ? e->aggregate : e->sort);
            return true;
        }
    return false;
}

static bool put_column_text(const struct merge_plan *p, const struct merge_column *c, struct buf *b, const char *name,
                            size_t n)
{
    if (template_is(name, n, "name"))
        buf_puts(b, c->name);
    else if (template_is(name, n, "stage_name"))
        buf_puts(b, c->stage_name);
    else if (template_is(name, n, "type"))
        buf_puts(b, c->type);
    else if (template_is(name, n, "staged"))
        buf_puts(b, c->staged);
    else if (template_is(name, n, "found"))
        expand(p, c, b, c->target ? found_reference : c->staged);
    else if (template_is(name, n, "found_same"))
        expand(p, c, b, c->target ? same_reference : "t.${name} IS NOT DISTINCT FROM ${staged}");
    else if (template_is(name, n, "judged_text"))
        buf_printf(b, "j.%c%td", c->target ? 'k' : 'c', c - p->columns);
    else if (template_is(name, n, "number"))
        buf_printf(b, "%td", c - p->columns);
    else if (template_is(name, n, "field"))
        quote_string(b, c->field->name);
    else
        return put_extreme(p, c, b, name, n) || (c->target && put_reference_text(p, c, b, name, n));
    return true;
}

static bool put_list(const struct merge_plan *p, struct buf *b, const char *name, size_t n)
{
    for (const struct list *l = lists; l < lists + ARRAY_SIZE(lists); l++) {
        if (!template_is(name, n, l->name))
            continue;
        bool any = false;
        for (size_t i = 0; i < p->n; i++) {
            if (!is_wanted(p, &p->columns[i], l->wanted))
                continue;
            expand(p, NULL, b, any ? l->between : l->before);
            expand(p, &p->columns[i], b, l->item);
            any = true;
        }
        expand(p, NULL, b, any ? l->after : l->none);
        return true;
    }
    return false;
}

static bool put_part(const struct merge_plan *p, struct buf *b, const char *name, size_t n)
{
    bool known = false;
    for (const struct part *part = parts; part < parts + ARRAY_SIZE(parts); part++) {
        if (!template_is(name, n, part->name))
            continue;
        known = true;
        if (holds(p, part->condition))
            expand(p, NULL, b, part->text);
    }
    return known;
}

/* Where a name is looked up: in a plan, and for a list's item in one of its columns (else NULL). */
struct scope {
    const struct merge_plan *plan;
    const struct merge_column *column;
};

static bool put_name(const void *context, struct buf *b, const char *name, size_t n)
{
    const struct scope *s = context;
    return (s->column && put_column_text(s->plan, s->column, b, name, n)) || put_text(s->plan, b, name, n) ||
           put_list(s->plan, b, name, n) || put_part(s->plan, b, name, n);
}

static void expand(const struct merge_plan *p, const struct merge_column *c, struct buf *b, const char *template)
{
    template_expand(b, template, put_name, &(struct scope){p, c});
}

void merge_plan_expand(const struct merge_plan *p, struct buf *b, const char *template)
{
    expand(p, NULL, b, template);
}
