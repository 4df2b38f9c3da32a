/*
 * The statements are templates, so that they can be read as SQL; merge_name.c knows what a ${name} stands for. Names of
 * tables and columns are quoted; nothing else comes from outside.
 */
#include "worker/merge_sql.h"

#include "worker/merge_plan.h"
#include "worker/rows.h"

enum { LONGEST_SQL = 1 << 20 };

const char merge_sql_shared[] =
    "CREATE TEMPORARY TABLE arrived (entity text NOT NULL, client text NOT NULL, key text NOT NULL)\n"
    "    ON COMMIT DELETE ROWS;\n"
    "CREATE TEMPORARY TABLE complete (delivery bigint NOT NULL) ON COMMIT DELETE ROWS;\n"
    "CREATE TEMPORARY TABLE woken (batch bigint NOT NULL, line integer NOT NULL, entity text NOT NULL)\n"
    "    ON COMMIT DELETE ROWS";

static const char create_template[] =
    "CREATE TEMPORARY TABLE ${stage} (raw_batch bigint NOT NULL, raw_line integer NOT NULL, raw_client text NOT NULL"
    "${staging}) ON COMMIT DELETE ROWS";
static const char copy_template[] = "COPY pg_temp.${stage} (raw_batch, raw_line, raw_client${staged_names}) FROM STDIN";
static const char clear_template[] = "TRUNCATE pg_temp.${stage}";

/* Keys of a complete delivery; one that holds a reference is known when that is resolved, so merging notes it. A row
 * belongs to the source whose record it came from. */
static const char seen_template[] =
    "INSERT INTO ${ledger}.seen (delivery, entity, key)\n"
    "SELECT d.delivery, ${entity}, ROW (${s_keys})::text FROM pg_temp.${stage} s CROSS JOIN pg_temp.complete d";
#define MISSING                                                                                                        \
    "NOT EXISTS (SELECT FROM ${ledger}.seen n WHERE n.delivery = $1::bigint AND n.entity = ${entity}\n"                \
    "                        AND n.key = ROW (${t_keys})::text)"
static const char missing_template[] =
    "SELECT (SELECT pg_catalog.count(*) FROM ${table} t JOIN raw.batch b ON b.id = t.raw_batch\n"
    "        WHERE t.gone_at IS NULL AND b.source = $2),\n"
    "       (SELECT pg_catalog.count(*) FROM ${table} t JOIN raw.batch b ON b.id = t.raw_batch\n"
    "        WHERE t.gone_at IS NULL AND b.source = $2 AND b.delivery <= $1::bigint AND " MISSING ")";
static const char mark_template[] =
    "UPDATE ${table} t SET gone_at = pg_catalog.now() FROM raw.batch b\n"
    "WHERE b.id = t.raw_batch AND t.gone_at IS NULL AND b.source = $2 AND b.delivery <= $1::bigint AND " MISSING;

/*
 * Of several staged rows with one natural key the newest that can be stored now wins: the greatest orderBy, then the
 * latest arrival. Losers are all that are older. One that says the same is no work, one that says something else is
 * rejected. Newer ones that cannot be stored, since a reference leads nowhere, stay staged and become what they would
 * have become in a batch of their own, so that it does not matter how batches were cut (t/33-cuts.t).
 */
static const char duplicates_template[] =
    "SET LOCAL enable_hashjoin = on;\n"
    "WITH twice AS MATERIALIZED (\n"
    "    SELECT ${keys} FROM pg_temp.${stage} GROUP BY ${keys} HAVING pg_catalog.count(*) > 1),\n"
    "ranked AS MATERIALIZED (\n"
    "    SELECT s.ctid AS place, s.raw_batch, s.raw_line, pg_catalog.concat_ws(', ', ${s_keys}) AS key, w.waits,\n"
    "           pg_catalog.count(*) FILTER (WHERE NOT w.waits) OVER (\n"
    "               newest ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) > 0 AS loses,\n"
    "           pg_catalog.first_value(s.raw_batch) OVER winner AS winner_batch,\n"
    "           pg_catalog.first_value(s.raw_line) OVER winner AS winner_line,\n"
    "           ROW (${s_all}) IS DISTINCT FROM pg_catalog.first_value(ROW (${s_all})) OVER winner AS differs\n"
    "    FROM pg_temp.${stage} s JOIN twice USING (${keys}) CROSS JOIN LATERAL (SELECT ${stays_out}${or_later} AS "
    "waits) w\n"
    "    WINDOW newest AS (PARTITION BY ${s_keys} ORDER BY ${s_order}s.raw_batch DESC, s.raw_line DESC),\n"
    "           winner AS (PARTITION BY ${s_keys} ORDER BY w.waits, ${s_order}s.raw_batch DESC, s.raw_line DESC)),\n"
    "taken_out AS (\n"
    "    DELETE FROM pg_temp.${stage} s USING ranked r WHERE s.ctid = r.place AND r.loses),\n"
    "refused AS (\n"
    "    INSERT INTO ${ledger}.reject (" REJECT_COLUMNS ")\n"
    "    SELECT raw_batch, raw_line, ${file}, NULL, 'primaryKey', pg_catalog.left(key, 200),\n"
    "           CASE WHEN raw_batch = winner_batch THEN 'duplicate_in_batch' ELSE 'stale' END, 'reject',\n"
    "           pg_catalog.format('record %s of batch %s has the same key, other values, and is taken instead',\n"
    "                             winner_line, winner_batch)\n"
    "    FROM ranked WHERE loses AND differs),\n"
    "counted AS (\n"
    "    UPDATE ${ledger}.batch_entity e SET unchanged = e.unchanged + d.same, rejected = e.rejected + d.other\n"
    "    FROM (SELECT raw_batch, pg_catalog.count(*) FILTER (WHERE NOT differs) AS same,\n"
    "                 pg_catalog.count(*) FILTER (WHERE differs) AS other\n"
    "          FROM ranked WHERE loses GROUP BY raw_batch) d\n"
    "    WHERE e.batch = d.raw_batch AND e.entity = ${file})\n"
    "SELECT 0, 0, pg_catalog.count(*) FILTER (WHERE loses AND NOT differs),\n"
    "       pg_catalog.count(*) FILTER (WHERE loses AND differs), 0, 0, 0,\n"
    "       pg_catalog.count(*) FILTER (WHERE waits AND NOT loses)\n"
    "FROM ranked";

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

/* Costs one look into an index while no record of this entity is parked. '!' is the letter behind ' '. */
static const char confirm_template[] =
    "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_nestloop = on;\n"
    "UPDATE ${table} t SET raw_batch = s.raw_batch, raw_line = s.raw_line FROM pg_temp.${stage} s\n"
    "WHERE EXISTS (SELECT FROM ${ledger}.parked w WHERE w.own >= ${entity} || ' ' AND w.own < ${entity} || '!')\n"
    "  AND EXISTS (SELECT FROM ${ledger}.parked p WHERE p.own = ${entity} || ' ' || ROW (${s_keys})::text\n"
    "              AND (p.batch, p.line) < (s.raw_batch, s.raw_line))\n"
    "  AND (t.raw_batch, t.raw_line) < (s.raw_batch, s.raw_line) AND ${t_is_found}${is_same}${and_there}";

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
    "SELECT 0, 0, pg_catalog.count(*), 0, 0, 0, 0, 0 FROM same";

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
    "${advance_id}${remember_seen}${remember_arrived}${keep_waiting}${take_out}\n"
    "SELECT pg_catalog.count(*) FILTER (WHERE outcome = 'i'), pg_catalog.count(*) FILTER (WHERE outcome = 'c'),\n"
    "       pg_catalog.count(*) FILTER (WHERE outcome = 'u'),\n"
    "       pg_catalog.count(*) FILTER (WHERE outcome IN ('r', 's')),\n"
    "       pg_catalog.count(*) FILTER (WHERE outcome = 'p'), pg_catalog.count(*) FILTER (WHERE outcome = 'l'),\n"
    "       (SELECT pg_catalog.count(*) FROM inserted) + (SELECT pg_catalog.count(*) FROM updated), 0\n"
    "FROM judged";

/* merge_new where there is nothing to judge either: nothing refers to another table. */
static const char insert_template[] =
    LOOK_UP "WITH inserted AS (\n"
            "    INSERT INTO ${table} (${id}${columns}, raw_batch, raw_line)\n"
            "    SELECT ${next_id}${j_staged}, j.raw_batch, j.raw_line FROM pg_temp.${stage} j\n"
            "    ORDER BY j.raw_batch, j.raw_line RETURNING ${returning}),\n"
            "counted AS (\n"
            "    UPDATE ${ledger}.batch_entity e SET inserted = e.inserted + d.n\n"
            "    FROM (SELECT raw_batch, pg_catalog.count(*) AS n FROM pg_temp.${stage} GROUP BY raw_batch) d\n"
            "    WHERE e.batch = d.raw_batch AND e.entity = ${file})"
            "${advance_id_by_all}${remember_arrived}\n"
            "SELECT pg_catalog.count(*), 0, 0, 0, 0, 0, (SELECT pg_catalog.count(*) FROM inserted), 0\n"
            "FROM pg_temp.${stage}";

/* See merge_fresh.h. */
static const char fresh_count_template[] = "WITH counted AS (\n"
                                           "    UPDATE ${ledger}.batch_entity SET inserted = inserted + $2::integer\n"
                                           "    WHERE batch = $1::bigint AND entity = ${file})\n"
                                           "${take_ids}SELECT ${first_id}, ${is_waited_for}";
static const char fresh_copy_template[] =
    "COPY ${table} (${id}raw_batch, raw_line${and_client}${staged_names}) FROM STDIN";

static const char *statement(const struct merge_plan *p, const char *template)
{
    struct buf b;
    buf_init(&b, LONGEST_SQL);
    merge_plan_expand(p, &b, template);
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
        if (!has_to_judge(&p)) {
            out->fresh_count = statement(&p, fresh_count_template);
            out->fresh_copy = statement(&p, fresh_copy_template);
        }
    }
    out->confirm = p.any_parks ? statement(&p, confirm_template) : NULL;
    if (p.refers_to_itself) {
        p.some = true;
        out->duplicates_some = statement(&p, duplicates_template);
        out->merge_some = statement(&p, merge_template);
    }
    bool has_gone_at = p.has_gone_at;
    out->seen = has_gone_at && !p.key_refers ? statement(&p, seen_template) : NULL;
    out->missing = has_gone_at ? statement(&p, missing_template) : NULL;
    out->mark = has_gone_at ? statement(&p, mark_template) : NULL;
    bool complete = out->create && out->copy && out->clear && out->duplicates && out->merge &&
                    ((out->duplicates_some && out->merge_some) || !p.some) && (out->confirm || !p.any_parks) &&
                    (!p.near || (out->near && out->same && (out->merge_new || p.refers_to_itself)));
    return complete ? NULL : arena_printf(a, "its statements would be larger than %d KiB", LONGEST_SQL >> 10);
}
