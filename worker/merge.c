#include "worker/merge.h"

#include "worker/ledger.h"
#include "worker/merge_fresh.h"
#include "worker/quote.h"

static const char doing_merge[] = "merging rows", doing_register[] = "registering an entity";

/* ---- preparation ---- */

/* Readers take the version of an entity for that of its table; they look again when they are told. To move to another
 * table changes rows. */
static const char table_sql[] =
    "WITH moved AS (\n"
    "    UPDATE oriel.entity SET table_schema = $2, table_name = $3, changed_at = pg_catalog.clock_timestamp(),\n"
    "           data_version = data_version + CASE WHEN table_name IS NULL THEN 0 ELSE 1 END\n"
    "    WHERE name = $1 AND (table_schema, table_name) IS DISTINCT FROM ($2, $3) RETURNING name)\n"
    "SELECT pg_catalog.pg_notify('oriel_contract', '') FROM moved";

/* A table that was filled by other means keeps its ids: counting goes on behind the greatest. */
static int register_entity(struct session *s, const struct entity *e)
{
    struct buf sql;
    buf_init(&sql, 16 * 1024);
    buf_puts(&sql, "INSERT INTO oriel.entity (name, next_id) SELECT $1, ");
    if (e->id) {
        buf_puts(&sql, "(SELECT COALESCE(pg_catalog.max(t.");
        quote_identifier(&sql, e->id);
        buf_puts(&sql, "), 0) + 1 FROM ");
        quote_identifier(&sql, e->schema);
        buf_putc(&sql, '.');
        quote_identifier(&sql, e->table);
        buf_puts(&sql, " t)");
    } else
        buf_puts(&sql, "1");
    buf_puts(&sql, " WHERE NOT EXISTS (SELECT FROM oriel.entity WHERE name = $1)");
    int result = session_run(s, doing_register, buf_str(&sql), 1, &e->name);
    if (result == 0 && !e->live_schema)
        result = session_run(s, doing_register, table_sql, 3, (const char *[]){e->name, e->schema, e->table});
    buf_release(&sql);
    return result;
}

static int create_stages(struct merge *m, struct session *s)
{
    static const char doing[] = "making the staging tables";
    PGresult *r = session_script(s, doing, "DISCARD TEMP; DEALLOCATE ALL");
    if (r) {
        PQclear(r);
        r = session_script(s, doing, merge_sql_shared);
    }
    for (size_t i = 0; r && i < m->set->n; i++) {
        if (m->list[i].problem)
            continue;
        PQclear(r);
        r = session_script(s, doing, m->list[i].sql.create);
    }
    PQclear(r);
    return r ? 0 : -1;
}

int merge_prepare(struct merge *m, struct arena *a, struct session *s, const struct entity_set *set)
{
    *m = (struct merge){
        .set = set,
        .relations = arena_array(a, set->n, sizeof *m->relations),
        .list = arena_array(a, set->n, sizeof *m->list),
    };
    for (size_t i = 0; i < set->n; i++)
        if (relation_read(&m->relations[i], s, a, set->list[i].schema, set->list[i].table) < 0)
            return -1;
    for (size_t i = 0; i < set->n; i++) {
        struct merge_entity *e = &m->list[i];
        e->problem = merge_sql_build(&e->sql, a, set, i, m->relations);
        if (!e->problem && register_entity(s, &set->list[i]) < 0)
            return -1;
    }
    return create_stages(m, s);
}

int merge_is_current(const struct merge *m, struct session *s, bool *current)
{
    struct arena a;
    int result = 0;
    arena_init(&a);
    *current = true;
    for (size_t i = 0; result == 0 && i < m->set->n; i++) {
        struct relation now;
        result = relation_read(&now, s, &a, m->relations[i].schema, m->relations[i].table);
        if (result == 0 && !relation_same(&now, &m->relations[i]))
            *current = false;
    }
    arena_release(&a);
    return result;
}

void merge_transaction_ended(struct merge *m)
{
    for (size_t i = 0; i < m->set->n; i++)
        m->list[i].staged = false;
    m->complete = false;
}

/* ---- merging ---- */

static int script(struct session *s, const char *sql)
{
    PGresult *r = session_script(s, doing_merge, sql);
    PQclear(r);
    return r ? 0 : -1;
}

static int count_in(struct merge_counts *counts, struct session *s, const char *sql)
{
    PGresult *r = session_script(s, doing_merge, sql);
    if (!r)
        return -1;
    for (int i = 0; i < N_MERGE_COUNTS; i++)
        counts->n[i] += session_integer(r, 0, i);
    PQclear(r);
    return 0;
}

/*
 * An entity that refers to itself is merged in rounds, each taking what refers only to what is there by then. Of rows
 * of one key that could not be stored in the round before, several may be now.
 */
static int merge_in_rounds(const struct merge_sql *sql, struct session *s, struct merge_counts *counts)
{
    for (long long left = -1; sql->merge_some;) {
        counts->n[COUNT_LEFT] = 0;
        if (count_in(counts, s, sql->merge_some) < 0)
            return -1;
        if (!counts->n[COUNT_LEFT])
            return 0;
        bool in_circles = counts->n[COUNT_LEFT] == left; /* then as if the other were not there */
        left = counts->n[COUNT_LEFT];
        if (counts->n[COUNT_CONTESTED] && count_in(counts, s, in_circles ? sql->duplicates : sql->duplicates_some) < 0)
            return -1;
        if (in_circles)
            break;
    }
    counts->n[COUNT_LEFT] = 0;
    return count_in(counts, s, sql->merge);
}

enum nearness { NEAR_NONE, NEAR_FEW, NEAR_MANY };

/* How much of the table stands between the keys that are staged. -1: s->failure says why it is not known. */
static int look_near(const struct merge_sql *sql, struct session *s, long long *staged)
{
    static const char as_usual[] = "SET LOCAL enable_seqscan = on; SET LOCAL enable_bitmapscan = on";
    PGresult *r = session_script(s, doing_merge, sql->near);
    if (!r)
        return -1;
    long long found = session_integer(r, 0, 0);
    *staged = session_integer(r, 0, 1);
    PQclear(r);
    if (script(s, as_usual) < 0)
        return -1;
    return !found ? NEAR_NONE : found <= 2 * *staged ? NEAR_FEW : NEAR_MANY;
}

static int confirm(const struct merge_sql *sql, struct session *s)
{
    return sql->confirm ? script(s, sql->confirm) : 0;
}

/* Merges what is staged, each time by what costs least. among: rows that are known to be in the table and were not
 * staged, which stand between the others when the delivery has an order. */
static int merge_staged(const struct merge_sql *sql, struct session *s, size_t n, size_t among,
                        struct merge_counts *counts)
{
    long long staged = 0, unchanged = counts->n[COUNT_UNCHANGED];
    int near = sql->near && among <= 2 * n ? look_near(sql, s, &staged) : NEAR_MANY;
    if (near < 0)
        return -1;
    if (near == NEAR_NONE && sql->merge_new)
        return count_in(counts, s, sql->merge_new);
    if (near != NEAR_NONE && confirm(sql, s) < 0)
        return -1;
    if (near == NEAR_FEW && (count_in(counts, s, sql->same) < 0 || script(s, "SET LOCAL enable_nestloop = on") < 0))
        return -1;
    if (near == NEAR_FEW && counts->n[COUNT_UNCHANGED] - unchanged == staged)
        return 0;
    return merge_in_rounds(sql, s, counts);
}

/* The keys of a complete delivery are noted here, or by merging. */
static int note_and_merge(struct merge_entity *e, struct session *s, bool complete, size_t n, size_t among,
                          struct merge_counts *counts)
{
    if (complete && e->sql.mark && !e->sql.seen)
        return confirm(&e->sql, s) < 0 ? -1 : merge_in_rounds(&e->sql, s, counts);
    return complete && e->sql.seen && script(s, e->sql.seen) < 0 ? -1 : merge_staged(&e->sql, s, n, among, counts);
}

static int stage_and_merge(struct merge_entity *e, struct session *s, bool complete, const struct rows *rows,
                           size_t first, size_t n, struct merge_counts *total)
{
    struct merge_counts counts = {0};
    size_t len;
    const char *text = rows_text(rows, first, n, &len);
    if (e->staged) {
        PGresult *r = session_script(s, "emptying a staging table", e->sql.clear);
        PQclear(r);
        if (!r)
            return -1;
    }
    e->staged = true;
    const char *duplicates = e->sql.merge_some ? e->sql.duplicates_some : e->sql.duplicates;
    if (session_copy(s, "staging rows", e->sql.copy, text, len) < 0 || count_in(&counts, s, duplicates) < 0 ||
        note_and_merge(e, s, complete, n, rows->taken_out, &counts) < 0)
        return -1;
    if (counts.n[COUNT_WRITTEN] != counts.n[COUNT_INSERTED] + counts.n[COUNT_UPDATED]) {
        failure_set(&s->failure, "40001", doing_merge, "somebody else changed the table at the same time");
        return -1;
    }
    for (int i = 0; i < N_MERGE_COUNTS; i++)
        total->n[i] += counts.n[i];
    return 0;
}

/* ---- keys that a complete delivery has named ---- */

int merge_note_unread(struct merge *m, struct session *s, size_t i, long long n)
{
    static const char sql[] =
        "INSERT INTO ${ledger}.seen (delivery, entity) SELECT d.delivery, $1 FROM pg_temp.complete d\n"
        "CROSS JOIN pg_catalog.generate_series(1, $2::bigint)";
    struct arena a;
    arena_init(&a);
    const char *const params[] = {m->set->list[i].name, arena_printf(&a, "%lld", n)};
    int result = session_run(s, doing_merge, ledger_sql(&a, m->set, sql), 2, params);
    arena_release(&a);
    return result;
}

static int note_staged(struct merge_entity *e, struct session *s, const char *text, size_t len)
{
    return script(s, e->sql.clear) < 0 || session_copy(s, "staging keys", e->sql.copy, text, len) < 0 ||
                   script(s, e->sql.seen) < 0 || script(s, e->sql.clear) < 0
               ? -1
               : 0;
}

int merge_note_seen(struct merge *m, struct session *s, size_t i, const struct rows *rows, size_t first, size_t n)
{
    struct merge_entity *e = &m->list[i];
    size_t len;
    const char *text = rows_text(rows, first, n, &len);
    if (e->problem || !n)
        return 0;
    if (!e->sql.seen)
        return merge_note_unread(m, s, i, (long long)n);
    if (script(s, "SAVEPOINT seen") < 0)
        return -1;
    if (note_staged(e, s, text, len) == 0)
        return script(s, "RELEASE SAVEPOINT seen");
    if (failure_remedy(&s->failure) != REMEDY_RECORDS ||
        script(s, "ROLLBACK TO SAVEPOINT seen; RELEASE SAVEPOINT seen") < 0)
        return -1;
    return merge_note_unread(m, s, i, (long long)n);
}

/* ---- halving ---- */

/* Rejects the one record that the last failure is about. */
static int reject_row(struct merge *m, struct session *s, size_t i, struct lineage at, struct merge_counts *counts)
{
    const struct entity *e = &m->set->list[i];
    static const char sql[] =
        "WITH refused AS (INSERT INTO ${ledger}.reject (" REJECT_COLUMNS ")\n"
        "    VALUES ($1::bigint, $2, $3::text, $4, $5, NULL, 'constraint', 'reject', $6))\n"
        "UPDATE ${ledger}.batch_entity SET rejected = rejected + 1 WHERE batch = $1::bigint AND entity = $3::text";
    struct failure f = s->failure;
    char batch[32], line[16];
    snprintf(batch, sizeof batch, "%lld", (long long)at.batch);
    snprintf(line, sizeof line, "%d", at.line);
    counts->n[COUNT_REJECTED]++;
    struct arena a;
    arena_init(&a);
    int result = session_run(s, "rejecting a record", ledger_sql(&a, m->set, sql), 6,
                             (const char *[]){batch, line, e->file, *f.column ? f.column : NULL,
                                              *f.constraint ? f.constraint : f.sqlstate, f.message});
    arena_release(&a);
    return result;
}

/* Before records are blamed: is the table still the one that staging was made for? */
static int expect_current(const struct merge *m, struct session *s)
{
    bool current;
    if (merge_is_current(m, s, &current) < 0)
        return -1;
    if (!current)
        failure_set(&s->failure, "40001", doing_merge, "a table was changed since its columns were read");
    return current ? 0 : -1;
}

/* Halves what Postgres refuses, down to the record; about as many levels as n has binary digits. */
static int merge_run(struct merge *m, struct session *s, size_t i, const struct rows *rows, size_t first, size_t n,
                     struct merge_counts *counts)
{
    if (script(s, "SAVEPOINT run") < 0)
        return -1;
    if (stage_and_merge(&m->list[i], s, m->complete, rows, first, n, counts) == 0)
        return script(s, "RELEASE SAVEPOINT run");
    struct failure why = s->failure;
    if (failure_remedy(&why) != REMEDY_RECORDS)
        return -1;
    if (script(s, "ROLLBACK TO SAVEPOINT run; RELEASE SAVEPOINT run") < 0 || (n == rows->n && expect_current(m, s) < 0))
        return -1;
    s->failure = why;
    if (n == 1)
        return reject_row(m, s, i, rows->list[first].lineage, counts) < 0 ||
                       (m->complete && merge_note_seen(m, s, i, rows, first, 1) < 0)
                   ? -1
                   : 0;
    if (merge_run(m, s, i, rows, first, n / 2, counts) < 0)
        return -1;
    return merge_run(m, s, i, rows, first + n / 2, n - n / 2, counts);
}

int merge_rows(struct merge *m, struct session *s, size_t i, const struct rows *rows, struct merge_counts *counts)
{
    if (!rows->n && !rows->text.failed)
        return 0;
    if (m->list[i].problem) {
        failure_set(&s->failure, "42P01", doing_merge, "entity %s: %s", m->set->list[i].file, m->list[i].problem);
        return -1;
    }
    if (rows->text.failed) {
        failure_set(&s->failure, "54000", doing_merge, "entity %s: more than %d MiB in a batch", m->set->list[i].file,
                    ROWS_LARGEST >> 20);
        return -1;
    }
    struct merge_entity *e = &m->list[i];
    int fresh = m->complete || !e->fresh ? 0 : merge_fresh(&e->sql, &m->set->list[i], s, rows);
    if (fresh < 0 || (!fresh && merge_run(m, s, i, rows, 0, rows->n, counts) < 0))
        return -1;
    if (fresh) {
        counts->n[COUNT_INSERTED] += (long long)rows->n;
        counts->n[COUNT_WRITTEN] += (long long)rows->n;
    }
    e->fresh = counts->n[COUNT_INSERTED] == (long long)rows->n;
    if (m->watch)
        watch_merged(m->watch, i, rows,
                     !counts->n[COUNT_REJECTED] && !counts->n[COUNT_PARKED] && !counts->n[COUNT_CONTESTED]);
    return 0;
}
