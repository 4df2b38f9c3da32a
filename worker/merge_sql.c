/*
 * The statements are templates, so that they can be read as SQL. In a template ${name} is a text of the entity (texts),
 * a list over its columns (lists), or a part that only some entities need (parts); in a list's item also a text of the
 * column. Names of tables and columns are quoted; nothing else comes from outside.
 */
#include "worker/merge_sql.h"

#include "worker/merge_plan.h"
#include "worker/quote.h"
#include "worker/rows.h"
#include "worker/template.h"

enum { LONGEST_SQL = 1 << 20 };

const char merge_sql_shared[] =
    "CREATE TEMPORARY TABLE arrived (entity text NOT NULL, client text NOT NULL, key text NOT NULL)\n"
    "    ON COMMIT DELETE ROWS;\n"
    "CREATE TEMPORARY TABLE woken (batch bigint NOT NULL, line integer NOT NULL, entity text NOT NULL)\n"
    "    ON COMMIT DELETE ROWS";

static const char create_template[] =
    "CREATE TEMPORARY TABLE ${stage} (raw_batch bigint NOT NULL, raw_line integer NOT NULL, raw_client text NOT NULL"
    "${staging}) ON COMMIT DELETE ROWS";
static const char copy_template[] = "COPY pg_temp.${stage} (raw_batch, raw_line, raw_client${staged_names}) FROM STDIN";
static const char clear_template[] = "TRUNCATE pg_temp.${stage}";

/*
 * Of several staged rows with one natural key the newest stays: the greatest orderBy, then the latest arrival. A loser
 * that says the same is no work, one that says something else is rejected.
 */
static const char duplicates_template[] =
    "SET LOCAL enable_hashjoin = on;\n"
    "WITH twice AS MATERIALIZED (\n"
    "    SELECT ${keys} FROM pg_temp.${stage} GROUP BY ${keys} HAVING pg_catalog.count(*) > 1),\n"
    "ranked AS MATERIALIZED (\n"
    "    SELECT s.ctid AS place, s.raw_batch, s.raw_line, pg_catalog.concat_ws(', ', ${s_keys}) AS key,\n"
    "           pg_catalog.row_number() OVER newest AS rank,\n"
    "           pg_catalog.first_value(s.raw_batch) OVER newest AS winner_batch,\n"
    "           pg_catalog.first_value(s.raw_line) OVER newest AS winner_line,\n"
    "           ROW (${s_all}) IS DISTINCT FROM pg_catalog.first_value(ROW (${s_all})) OVER newest AS differs\n"
    "    FROM pg_temp.${stage} s JOIN twice USING (${keys})\n"
    "    WINDOW newest AS (PARTITION BY ${s_keys} ORDER BY ${s_order}s.raw_batch DESC, s.raw_line DESC)),\n"
    "taken_out AS (\n"
    "    DELETE FROM pg_temp.${stage} s USING ranked r WHERE s.ctid = r.place AND r.rank > 1),\n"
    "refused AS (\n"
    "    INSERT INTO ${ledger}.reject (" REJECT_COLUMNS ")\n"
    "    SELECT raw_batch, raw_line, ${file}, NULL, 'primaryKey', pg_catalog.left(key, 200),\n"
    "           CASE WHEN raw_batch = winner_batch THEN 'duplicate_in_batch' ELSE 'stale' END, 'reject',\n"
    "           pg_catalog.format('record %s of batch %s has the same key, other values, and is taken instead',\n"
    "                             winner_line, winner_batch)\n"
    "    FROM ranked WHERE rank > 1 AND differs),\n"
    "counted AS (\n"
    "    UPDATE ${ledger}.batch_entity e SET unchanged = e.unchanged + d.same, rejected = e.rejected + d.other\n"
    "    FROM (SELECT raw_batch, pg_catalog.count(*) FILTER (WHERE NOT differs) AS same,\n"
    "                 pg_catalog.count(*) FILTER (WHERE differs) AS other\n"
    "          FROM ranked WHERE rank > 1 GROUP BY raw_batch) d\n"
    "    WHERE e.batch = d.raw_batch AND e.entity = ${file})\n"
    "SELECT 0, 0, pg_catalog.count(*) FILTER (WHERE NOT differs), pg_catalog.count(*) FILTER (WHERE differs), 0, 0, 0\n"
    "FROM ranked WHERE rank > 1";

/*
 * Looking 10,000 keys up one by one costs more than all that follows when nothing has changed, and in a first load it
 * finds nothing. Most deliveries come in the order of their keys, so what a batch may meet in the table often stands
 * close together: the rows between the least and the greatest key staged. Where these are few they are read at once.
 *
 * Counting must not read more than it counts, so not by a bitmap: in a delivery of no order all rows are in between.
 */
static const char near_template[] = "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off;\n"
                                    "SELECT pg_catalog.count(*), (SELECT pg_catalog.count(*) FROM pg_temp.${stage})\n"
                                    "FROM (SELECT FROM ${table} t WHERE ${t_is_near}\n"
                                    "      LIMIT (SELECT 2 * pg_catalog.count(*) + 1 FROM pg_temp.${stage})) d";

/*
 * A reference is looked up by a subquery, so that no planner thinks of hashing all that could be referred to; one that
 * leads nowhere is never the same. No join to raw.batch_entity, which would be hashed whole.
 */
static const char same_template[] =
    "SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = off; SET LOCAL enable_nestloop = off;\n"
    "WITH same AS (\n"
    "    DELETE FROM pg_temp.${stage} s USING ${table} t\n"
    "    WHERE ${t_is_near} AND ${t_is_found}${is_same}${and_there} RETURNING s.raw_batch),\n"
    "counted AS (\n"
    "    UPDATE ${ledger}.batch_entity e\n"
    "    SET unchanged = e.unchanged + (SELECT pg_catalog.count(*) FROM same d WHERE d.raw_batch = e.batch)\n"
    "    WHERE e.batch = ANY (ARRAY (SELECT DISTINCT d.raw_batch FROM same d)) AND e.entity = ${file})\n"
    "SELECT 0, 0, pg_catalog.count(*), 0, 0, 0, 0 FROM same";

/*
 * outcome: i(nsert), c(hange), u(nchanged), s(tale), r(eject: a reference leads nowhere), p(ark), l(ater: the next
 * round).
 *
 * The target is joined by its natural key again for the update, not by ctid: a row that somebody else has just moved
 * would be missed by ctid.
 *
 * The planner settings: staging tables have no statistics, and a table that is being filled has none or old ones.
 * Measured with 10,000 staged rows that refer to a small and to the same table, and a target of 1,000,000 rows that was
 * never analysed: left alone, the planner hashes the whole target (514 ms for the join, growing with the target); with
 * hash and merge joins off it looks 10,000 keys up by index (208 ms, growing no more). Once the target is analysed the
 * planner looks up by itself, and hashes only the small table. Statistics for staging would cost 14 to 21 ms a batch.
 */
#define LOOK_UP "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_nestloop = on;\n"
static const char merge_template[] = LOOK_UP
    "WITH judged AS MATERIALIZED (\n"
    "    SELECT s.ctid AS place, s.raw_batch, s.raw_line, s.raw_client, ${judged_columns}${judged_keys},\n"
    "           CASE ${later}${reject}${park}\n"
    "                WHEN t.ctid IS NULL THEN 'i'\n"
    "                WHEN NOT (${differs}${or_gone}) THEN 'u'\n"
    "                WHEN ${stale} THEN 's'\n"
    "                ELSE 'c' END AS outcome\n"
    "    FROM pg_temp.${stage} s${references}\n"
    "    LEFT JOIN ${table} t ON ${joined}),\n"
    "inserted AS (\n"
    "    INSERT INTO ${table} (${id}${columns}, raw_batch, raw_line)\n"
    "    SELECT ${next_id}${j_columns}, j.raw_batch, j.raw_line FROM judged j${kept} WHERE j.outcome = 'i'\n"
    "    ORDER BY j.raw_batch, j.raw_line RETURNING ${returning}),\n"
    "updated AS (\n"
    "    UPDATE ${table} t SET ${assignments}${not_gone}raw_batch = j.raw_batch, raw_line = j.raw_line\n"
    "    FROM judged j WHERE j.outcome = 'c' AND ${t_is_judged} RETURNING 1),\n"
    "refused AS (\n"
    "    INSERT INTO ${ledger}.reject (" REJECT_COLUMNS ")\n"
    "    SELECT j.raw_batch, j.raw_line, ${file}, ${order_field}, 'stale', 'reject',\n"
    "           'a newer version of this record is there already'\n"
    "    FROM judged j WHERE j.outcome = 's'${unresolved}),\n"
    "counted AS (\n"
    "    UPDATE ${ledger}.batch_entity e SET inserted = e.inserted + d.i, updated = e.updated + d.c,\n"
    "           unchanged = e.unchanged + d.u, rejected = e.rejected + d.r, parked = e.parked + d.p\n"
    "    FROM (SELECT raw_batch, pg_catalog.count(*) FILTER (WHERE outcome = 'i') AS i,\n"
    "                 pg_catalog.count(*) FILTER (WHERE outcome = 'c') AS c,\n"
    "                 pg_catalog.count(*) FILTER (WHERE outcome = 'u') AS u,\n"
    "                 pg_catalog.count(*) FILTER (WHERE outcome IN ('r', 's')) AS r,\n"
    "                 pg_catalog.count(*) FILTER (WHERE outcome = 'p') AS p\n"
    "          FROM judged WHERE outcome <> 'l' GROUP BY raw_batch) d\n"
    "    WHERE e.batch = d.raw_batch AND e.entity = ${file})"
    "${advance_id}${remember_arrived}${keep_waiting}${take_out}\n"
    "SELECT pg_catalog.count(*) FILTER (WHERE outcome = 'i'), pg_catalog.count(*) FILTER (WHERE outcome = 'c'),\n"
    "       pg_catalog.count(*) FILTER (WHERE outcome = 'u'),\n"
    "       pg_catalog.count(*) FILTER (WHERE outcome IN ('r', 's')),\n"
    "       pg_catalog.count(*) FILTER (WHERE outcome = 'p'), pg_catalog.count(*) FILTER (WHERE outcome = 'l'),\n"
    "       (SELECT pg_catalog.count(*) FROM inserted) + (SELECT pg_catalog.count(*) FROM updated)\n"
    "FROM judged";

/* merge_new where there is nothing to judge either: nothing refers to another table. */
static const char insert_template[] = LOOK_UP
    "WITH inserted AS (\n"
    "    INSERT INTO ${table} (${id}${columns}, raw_batch, raw_line)\n"
    "    SELECT ${next_id}${j_staged}, j.raw_batch, j.raw_line FROM pg_temp.${stage} j\n"
    "    ORDER BY j.raw_batch, j.raw_line RETURNING ${returning}),\n"
    "counted AS (\n"
    "    UPDATE ${ledger}.batch_entity e SET inserted = e.inserted + d.n\n"
    "    FROM (SELECT raw_batch, pg_catalog.count(*) AS n FROM pg_temp.${stage} GROUP BY raw_batch) d\n"
    "    WHERE e.batch = d.raw_batch AND e.entity = ${file})"
    "${advance_id_by_all}${remember_arrived}\n"
    "SELECT pg_catalog.count(*), 0, 0, 0, 0, 0, (SELECT pg_catalog.count(*) FROM inserted) FROM pg_temp.${stage}";

/* ---- lists over columns ---- */

enum wanted { ALL, FIELDS, KEY, NEAR, DATA, ORDER, REFERENCE, SELF_REFERENCE, MISSING_REJECT, MISSING_PARK };

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
    {"t_is_staged", KEY, "", "t.${name} = ${staged}", " AND ", "", ""},
    {"t_is_judged", KEY, "", "t.${name} = j.c${number}", " AND ", "", ""},
    {"t_is_near", NEAR, "",
     "${t_is_clients}t.${name} BETWEEN\n"
     "        (SELECT s.${stage_name} FROM pg_temp.${stage} s ORDER BY s.${stage_name} LIMIT 1) AND\n"
     "        (SELECT s.${stage_name} FROM pg_temp.${stage} s ORDER BY s.${stage_name} DESC NULLS LAST LIMIT 1)",
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
    {"waits", MISSING_PARK, "",
     "SELECT j.raw_batch, j.raw_line, ${file}, ${field}, ${target_client}, ${target}, j.k${number}::text\n"
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
    }
    return false;
}

/* ---- parts that only some entities need ---- */

enum condition {
    ALWAYS,
    LIVE,
    SHADOW_ID,
    HAS_ID,
    HAS_GONE_AT,
    IS_REFERENCED,
    NOT_REFERENCED,
    PARKS,
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
    /* what others may wait for; nothing is remembered while nobody waits */
    {"remember_arrived", IS_REFERENCED,
     ",\nremembered AS (\n"
     "    INSERT INTO pg_temp.arrived (entity, client, key) SELECT ${entity}, i.client, i.key FROM inserted i\n"
     "    WHERE EXISTS (SELECT FROM ${ledger}.parked p WHERE p.target = ${entity}))"},
    {"keep_waiting", PARKS,
     ",\nwaiting AS (\n"
     "    INSERT INTO ${ledger}.parked (batch, line, entity, field, client, target, key)\n"
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
    case HAS_GONE_AT:
        return p->has_gone_at;
    case IS_REFERENCED:
        return p->referenced;
    case NOT_REFERENCED:
        return !p->referenced;
    case PARKS:
        return p->parks;
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

static void expand(const struct merge_plan *p, const struct merge_column *c, struct buf *b, const char *template);

static const char found_reference[] = "(SELECT r${number}.${target_id} FROM ${target_table} r${number}\n"
                                      "        WHERE r${number}.${target_key} = s.${stage_name}${same_client})";
static const char same_reference[] =
    "CASE WHEN s.${stage_name} IS NULL THEN t.${name} IS NULL ELSE t.${name} = ${found} END";

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
    else if (template_is(name, n, "number"))
        buf_printf(b, "%td", c - p->columns);
    else if (template_is(name, n, "field"))
        quote_string(b, c->field->name);
    else
        return c->target && put_reference_text(p, c, b, name, n);
    return true;
}

static void expand(const struct merge_plan *p, const struct merge_column *c, struct buf *b, const char *template);

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

static const char *statement(const struct merge_plan *p, const char *template)
{
    struct buf b;
    buf_init(&b, LONGEST_SQL);
    expand(p, NULL, &b, template);
    const char *s = b.failed ? NULL : arena_strdup(p->arena, buf_str(&b));
    buf_release(&b);
    return s;
}

/* Can a new row be anything but inserted, and with the next id? */
static bool has_to_judge(const struct merge_plan *p)
{
    bool refers = false;
    for (size_t i = 0; i < p->n; i++)
        refers |= p->columns[i].target != NULL;
    return refers || p->entity->live_schema;
}

const char *merge_sql_build(struct merge_sql *out, struct arena *a, const struct entity_set *set, size_t i,
                            const struct relation *relations)
{
    struct merge_plan p;
    const char *problem = merge_plan_make(&p, a, set, i, relations);
    if (problem)
        return problem;
    *out = (struct merge_sql){
        .create = statement(&p, create_template),
        .copy = statement(&p, copy_template),
        .clear = statement(&p, clear_template),
        .duplicates = statement(&p, duplicates_template),
        .merge = statement(&p, merge_template),
    };
    if (p.near) {
        out->near = statement(&p, near_template);
        out->same = statement(&p, same_template);
    }
    if (p.near && !p.refers_to_itself) {
        p.all_new = true;
        out->merge_new = statement(&p, has_to_judge(&p) ? merge_template : insert_template);
        p.all_new = false;
    }
    if (p.refers_to_itself) {
        p.some = true;
        out->merge_some = statement(&p, merge_template);
    }
    bool complete = out->create && out->copy && out->clear && out->duplicates && out->merge &&
                    (out->merge_some || !p.some) &&
                    (!p.near || (out->near && out->same && (out->merge_new || p.refers_to_itself)));
    return complete ? NULL : arena_printf(a, "its statements would be larger than %d KiB", LONGEST_SQL >> 10);
}
