/*
 * Months of raw that are older than the retention and that nothing needs any more.
 *
 * Who needs a month: rows that came from it and rejects that a mended entity file would take, so that a replay can
 * clean them anew; that may be given up, for then they stay as they are. Records that are parked in it, a replay that
 * is not finished and a change that is to be filled by one; these would fail without it. And every older month that
 * stays: a replay goes through all that came after it, and would make something else of it with a gap.
 */
#include "lib/log.h"
#include "worker/batch.h"
#include "worker/change_fill.h"
#include "worker/change_retry.h"
#include "worker/prune.h"
#include "worker/quote.h"
#include "worker/rows.h"
#include "worker/turn.h"

static const char doing[] = "looking who needs which month of raw";

static const char months_sql[] =
    "SELECT m.name, m.until <= pg_catalog.now() - pg_catalog.make_interval(days => $1::integer),\n"
    "       pg_catalog.to_char((m.until + pg_catalog.make_interval(days => $1::integer)) AT TIME ZONE 'UTC', "
    "'YYYY-MM-DD'),\n"
    "       pg_catalog.pg_size_pretty(pg_catalog.pg_total_relation_size(\n"
    "           pg_catalog.to_regclass('raw.' || pg_catalog.quote_ident(m.name))))\n"
    "FROM raw.month m WHERE m.pruned_at IS NULL AND m.since <= pg_catalog.now() ORDER BY m.since";
enum { MONTH, DUE, DUE_ON, SIZE };

/* What points into a month of raw, by the batch b. */
#define OF_MONTHS "JOIN raw.month m ON b.received_at >= m.since AND b.received_at < m.until AND m.pruned_at IS NULL\n"
static const char parked_sql[] =
    "SELECT m.name, pg_catalog.format('%s records of %s in it are parked',\n"
    "           pg_catalog.count(DISTINCT (p.batch, p.line)), p.entity)\n"
    "FROM raw.parked p JOIN raw.batch b ON b.id = p.batch " OF_MONTHS "GROUP BY m.name, p.entity ORDER BY p.entity";
/* A record that another one was taken for has nothing to be mended. */
static const char rejects_sql[] = "SELECT m.name, pg_catalog.format('%s rejects of %s point into it',\n"
                                  "           pg_catalog.count(DISTINCT (r.batch, r.line)), r.entity)\n"
                                  "FROM raw.reject r JOIN raw.batch b ON b.id = r.batch " OF_MONTHS
                                  "WHERE r.action = 'reject' AND r.reason NOT IN ('stale', 'duplicate_in_batch')\n"
                                  "GROUP BY m.name, r.entity ORDER BY r.entity";
static const char table_sql[] = "SELECT (SELECT pg_catalog.count(*) FROM pg_catalog.pg_attribute a WHERE a.attrelid = "
                                "c.oid AND a.attname = '" COLUMN_GONE_AT "' AND NOT a.attisdropped)\n"
                                "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace\n"
                                "WHERE n.nspname = $1 AND c.relname = $2";
static const char replay_sql[] = "SELECT pg_catalog.array_to_string(entities, ' ') FROM oriel.replay";

struct month {
    const char *name, *due_on, *size;
    bool due;
    const char *needed;  /* by what would fail without it; NULL: by nothing */
    const char *replays; /* by what a replay would clean anew; NULL: by nothing */
};

struct months {
    const struct prune *prune;
    struct month *list; /* from the oldest on */
    size_t n;
};

static const char *with(struct arena *a, const char *reasons, const char *reason)
{
    return reasons ? arena_printf(a, "%s, %s", reasons, reason) : reason;
}

static void need_all(struct months *m, const char *reason)
{
    for (size_t i = 0; i < m->n; i++)
        m->list[i].needed = with(m->prune->arena, m->list[i].needed, reason);
}

/* ---- what every month is needed by ---- */

static int add_replays(struct months *m)
{
    const struct prune *p = m->prune;
    int mine = p->removes ? turn_take(p->c, doing, LOCK_REPLAY) : 1;
    PGresult *replay = mine < 0 ? NULL : pg_query(p->c, doing, replay_sql, 0, NULL);
    if (replay && PQntuples(replay))
        need_all(m, arena_printf(p->arena, "a replay of %s is not finished", PQgetvalue(replay, 0, 0)));
    else if (mine == 0)
        need_all(m, "a replay is at work");
    int result = replay ? 0 : -1;
    PQclear(replay);
    return result;
}

/* A change that is not contracted may be reverted and filled again. */
static int add_change(struct months *m, const struct change *change)
{
    struct change_fill_file fill;
    if (!change->step[STEP_FILL].sql || !change_is_open(change))
        return 0;
    if (change_fill_parse(&change->step[STEP_FILL], m->prune->arena, &fill) < 0)
        return -1;
    if (fill.entities)
        need_all(m, arena_printf(m->prune->arena, "%s is filled by a replay and is not finished", change->name));
    return 0;
}

static int add_changes(struct months *m)
{
    struct change_list changes;
    const struct prune *p = m->prune;
    const char *unknown;
    if (prune_look_at_rollback(p, &unknown) < 0 || change_load(&changes, p->arena, p->domain->settings.changes) < 0 ||
        change_read_state(&changes, p->arena, p->c) < 0)
        return -1;
    if (unknown)
        need_all(m, unknown);
    for (size_t i = 0; i < changes.n; i++)
        if (add_change(m, &changes.list[i]) < 0)
            return -1;
    return 0;
}

/* Whether two files may write the same rows. */
static bool share_rows(const struct domain *d, const struct entity *a, const struct entity *b)
{
    bool share = !a->keyed_by_client;
    for (size_t i = 0; i < d->sources.n && !share; i++)
        for (size_t k = 0; k < d->sources.n && !share; k++) {
            const struct source *s = &d->sources.list[i], *t = &d->sources.list[k];
            bool feeds_a = false, feeds_b = false;
            for (size_t e = 0; e < s->n_entities; e++)
                feeds_a = feeds_a || s->entities[e] == a;
            for (size_t e = 0; e < t->n_entities; e++)
                feeds_b = feeds_b || t->entities[e] == b;
            share = feeds_a && feeds_b && strcmp(s->client, t->client) == 0;
        }
    return share;
}

/* A column that a stores and b does not; NULL when there is none. */
static const char *column_of_one(const struct entity *a, const struct entity *b)
{
    for (const struct field *f = a->fields; f < a->fields + a->n_fields; f++) {
        const struct field *other = entity_find_field(b, f->name);
        if (field_is_stored(f) && !(other && field_is_stored(other)))
            return f->name;
    }
    return NULL;
}

/* Of a row only the last record is known that wrote it. Where others wrote columns which that one does not have, nobody
 * can tell in which month they came. */
static void add_parts(struct months *m, const struct entity *e)
{
    const struct domain *d = m->prune->domain;
    for (const struct entity *o = d->entities.list; o < d->entities.list + d->entities.n; o++) {
        const char *column = o != e && strcmp(o->name, e->name) == 0 ? column_of_one(e, o) : NULL;
        if (column && share_rows(d, e, o))
            need_all(m, arena_printf(m->prune->arena, "%s may have written %s of any row that came from %s", e->file,
                                     column, o->file));
    }
}

/* Such a record is taken, or taken whole, only if a replay finds what it refers to where it was found then. */
static void add_references(struct months *m, const struct entity *e)
{
    for (const struct field *f = e->fields; f < e->fields + e->n_fields; f++)
        if (f->reference && field_is_stored(f) && f->on_missing != ACTION_PARK)
            need_all(m,
                     arena_printf(m->prune->arena, "%s says onMissing %s of %s, so each record needs the %s before it",
                                  e->file, action_names[f->on_missing], f->name, f->reference));
}

/* ---- what single months are needed by ---- */

static int add_pointing(struct months *m, const char *sql, bool replay)
{
    struct arena *a = m->prune->arena;
    PGresult *r = pg_query(m->prune->c, doing, sql, 0, NULL);
    for (int row = 0; r && row < PQntuples(r); row++)
        for (struct month *month = m->list; month < m->list + m->n; month++) {
            const char **reasons = replay ? &month->replays : &month->needed;
            if (strcmp(month->name, PQgetvalue(r, row, 0)) == 0)
                *reasons = with(a, *reasons, arena_strdup(a, PQgetvalue(r, row, 1)));
        }
    PQclear(r);
    return r ? 0 : -1;
}

/* Rows that are gone need nothing: they stay as they are. */
static int add_rows(struct months *m, const struct entity *e)
{
    const struct prune *p = m->prune;
    PGresult *table = pg_query(p->c, doing, table_sql, 2, (const char *[]){e->schema, e->table});
    bool there = table && PQntuples(table), has_gone_at = there && *PQgetvalue(table, 0, 0) != '0';
    int result = table ? 0 : -1;
    PQclear(table);
    if (!there)
        return result;
    struct buf sql;
    buf_init(&sql, 1 << 16);
    buf_puts(&sql, "SELECT m.name, pg_catalog.format('%s rows of %s came from it', pg_catalog.count(*), ");
    quote_string(&sql, e->name);
    buf_puts(&sql, ") FROM ");
    quote_identifier(&sql, e->schema);
    buf_putc(&sql, '.');
    quote_identifier(&sql, e->table);
    buf_puts(&sql, " t JOIN raw.batch b ON b.id = t." COLUMN_RAW_BATCH " " OF_MONTHS);
    buf_puts(&sql, has_gone_at ? "WHERE t." COLUMN_GONE_AT " IS NULL GROUP BY m.name" : "GROUP BY m.name");
    result = add_pointing(m, buf_str(&sql), true);
    buf_release(&sql);
    return result;
}

static int find_needs(struct months *m)
{
    const struct entity_set *set = &m->prune->domain->entities;
    if (add_replays(m) < 0 || add_changes(m) < 0 || add_pointing(m, parked_sql, false) < 0)
        return -1;
    for (const struct entity *e = set->list; e < set->list + set->n; e++) {
        add_parts(m, e);
        add_references(m, e);
        if (entity_by_name(set, e->name) == e && add_rows(m, e) < 0)
            return -1;
    }
    return add_pointing(m, rejects_sql, true);
}

/* ---- the months ---- */

static int read_months(struct months *m, const char *days)
{
    struct arena *a = m->prune->arena;
    PGresult *r = pg_query(m->prune->c, doing, months_sql, 1, &days);
    if (!r)
        return -1;
    m->n = (size_t)PQntuples(r);
    m->list = arena_array(a, m->n + 1, sizeof *m->list);
    for (int row = 0; row < PQntuples(r); row++)
        m->list[row] = (struct month){
            .name = arena_strdup(a, PQgetvalue(r, row, MONTH)),
            .due = *PQgetvalue(r, row, DUE) == 't',
            .due_on = arena_strdup(a, PQgetvalue(r, row, DUE_ON)),
            .size = PQgetisnull(r, row, SIZE) ? NULL : arena_strdup(a, PQgetvalue(r, row, SIZE)),
        };
    PQclear(r);
    return 0;
}

static const char *reason_of(const struct months *m, const struct month *month)
{
    struct arena *a = m->prune->arena;
    long long days = m->prune->domain->settings.retention_days;
    if (!days)
        return "no retention is given in oriel.json, so raw is kept for ever";
    if (!month->due)
        return arena_printf(a, "it is kept until %s, by the retention of %lldd", month->due_on, days);
    if (month->needed)
        return month->replays ? with(a, month->needed, month->replays) : month->needed;
    return month->replays ? month->replays
                          : arena_printf(a, "older than the retention of %lldd, and nothing needs it", days);
}

static void add_months(struct months *m, struct prune_list *list)
{
    static const char older[] = "an older month stays, and a replay goes on from there";
    const struct month *before = NULL;
    bool kept = false, replays = false;
    for (struct month *month = m->list; month < m->list + m->n; before = month++) {
        if (before && kept)
            month->needed = with(m->prune->arena, month->needed, older);
        else if (before && replays)
            month->replays = with(m->prune->arena, month->replays, older);
        kept = kept || month->needed || !month->due || !m->prune->domain->settings.retention_days;
        replays = replays || month->replays;
        prune_add(list, m->prune->arena,
                  (struct prune_item){
                      .name = arena_printf(m->prune->arena, "raw.%s", month->name),
                      .what = "month",
                      .needed = kept || replays,
                      .by_replay = !kept,
                      .reason = reason_of(m, month),
                      .size = month->size,
                      .own = month->name,
                  });
    }
}

static int find(const struct prune *p, struct prune_list *list)
{
    struct months m = {.prune = p};
    if (read_months(&m, arena_printf(p->arena, "%lld", p->domain->settings.retention_days)) < 0)
        return -1;
    bool due = m.n && m.list[0].due && p->domain->settings.retention_days;
    if (due && find_needs(&m) < 0)
        return -1;
    add_months(&m, list);
    return 0;
}

/* ---- removing ---- */

struct removal {
    const struct prune *prune;
    const struct prune_item *item;
};

static int check_older(const struct removal *removal)
{
    static const char sql[] = "SELECT o.name FROM raw.month o JOIN raw.month m ON o.since < m.since\n"
                              "WHERE m.name = $1 AND o.pruned_at IS NULL ORDER BY o.since LIMIT 1";
    const char *name = removal->item->own;
    PGresult *r = pg_query(removal->prune->c, removal->item->name, sql, 1, &name);
    bool found = r && PQntuples(r);
    if (found)
        log_error("%s: raw.%s is older and has to go first; name it too", removal->item->name, PQgetvalue(r, 0, 0));
    PQclear(r);
    return r && !found ? 0 : -1;
}

/*
 * The worker is asked to wait before its next batch; so the lock of the table is waited for only where somebody reads
 * raw. Waiting for the worker may take as long as its batch, but holds nobody up but the worker.
 */
static enum change_outcome try_once(void *context)
{
    static const char hold_sql[] = "SET LOCAL lock_timeout = '10s';\n"
                                   "SELECT pg_catalog.pg_advisory_xact_lock(" LOCK_STORE ");\n"
                                   "SET LOCAL lock_timeout = '100ms'";
    static const char note_sql[] = "UPDATE raw.month SET pruned_at = pg_catalog.now(), pruned_by = session_user\n"
                                   "WHERE name = $1 AND pruned_at IS NULL";
    const struct removal *removal = context;
    PGconn *c = removal->prune->c;
    const char *what = removal->item->name, *name = removal->item->own;
    if (check_older(removal) < 0 || pg_run(c, what, note_sql, 1, &name) < 0)
        return CHANGE_FAILED;
    const char *const sqls[] = {hold_sql, arena_printf(removal->prune->arena, "DROP TABLE IF EXISTS raw.%s",
                                                       quote_name(removal->prune->arena, name))};
    enum change_outcome outcome = CHANGE_APPLIED;
    for (size_t i = 0; i < ARRAY_SIZE(sqls) && outcome == CHANGE_APPLIED; i++) {
        PGresult *r = PQexec(c, sqls[i]);
        outcome = change_outcome_of(r);
        if (outcome == CHANGE_FAILED)
            pg_tell_failure(c, r, what);
        PQclear(r);
    }
    if (outcome == CHANGE_APPLIED && pg_run(c, what, "COMMIT", 0, NULL) < 0)
        outcome = CHANGE_FAILED;
    return outcome;
}

static int remove_item(const struct prune *p, const struct prune_item *item)
{
    struct removal removal = {.prune = p, .item = item};
    return change_retry(p->c, item->name, &change_usual_patience, try_once, &removal);
}

const struct prune_kind prune_raw = {.name = "raw", .find = find, .remove = remove_item};
