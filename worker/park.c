#include "worker/park.h"

#include "worker/kept.h"
#include "worker/ledger.h"
#include "worker/read_ahead.h"

static const char doing_wake[] = "taking up parked records";

/* So many bytes of cleaned rows are merged at once: records may be taken up in any number. */
enum { AT_ONCE = 32 << 20 };

/* Records of entity files that are gone from the configuration, or do not fit their table, go on waiting. */
static const char wake_sql[] =
    "WITH came AS (DELETE FROM pg_temp.arrived RETURNING entity, client, key),\n"
    "resolved AS (\n"
    "    DELETE FROM ${ledger}.parked p USING came c\n"
    "    WHERE p.target = c.entity AND p.client = c.client AND p.key = c.key AND p.entity = ANY ($1::text[])\n"
    "    RETURNING p.batch, p.line, p.entity)\n"
    "INSERT INTO pg_temp.woken (batch, line, entity) SELECT DISTINCT batch, line, entity FROM resolved";
/* A record that refers to several waits for all of them. */
static const char wait_on_sql[] =
    "DELETE FROM pg_temp.woken w WHERE EXISTS (\n"
    "    SELECT FROM ${ledger}.parked p WHERE p.batch = w.batch AND p.line = w.line AND p.entity = w.entity)";
/* Today's reasons take the place of those that were found when the record came. */
static const char forget_sql[] =
    "DELETE FROM ${ledger}.reject r USING pg_temp.woken w WHERE r.batch = w.batch AND r.line = "
    "w.line AND r.entity = w.entity";
static const char count_sql[] =
    "UPDATE ${ledger}.batch_entity e SET parked = e.parked - d.n\n"
    "FROM (SELECT batch, entity, pg_catalog.count(*) AS n FROM pg_temp.woken GROUP BY batch, entity) d\n"
    "WHERE e.batch = d.batch AND e.entity = d.entity";
static const char batches_sql[] = "SELECT " KEPT_COLUMNS "\n"
                                  "FROM raw.batch b WHERE b.id IN (SELECT w.batch FROM pg_temp.woken w) ORDER BY b.id";
/* unnest reads the array once; a subscript per record would read it once per record. */
static const char records_sql[] =
    "SELECT w.line, w.entity, r.bytes FROM pg_temp.woken w LEFT JOIN (\n"
    "    SELECT u.line, u.bytes\n"
    "    FROM raw.payload p CROSS JOIN LATERAL pg_catalog.unnest(p.records) WITH ORDINALITY AS u (bytes, line)\n"
    "    WHERE p.batch = $1::bigint AND p.received_at = (SELECT b.received_at FROM raw.batch b WHERE b.id = "
    "$1::bigint)\n"
    ") r ON r.line = w.line WHERE w.batch = $1::bigint ORDER BY w.line, w.entity";

static const char *usable_files(const struct merge *m, struct arena *a)
{
    const char **files = arena_array(a, m->set->n, sizeof *files);
    size_t n = 0;
    for (size_t i = 0; i < m->set->n; i++)
        if (!m->list[i].problem)
            files[n++] = m->set->list[i].file;
    return session_array(a, files, n);
}

/* Whether a key came that may be waited for; mostly none did. -1 on failure. */
static int has_arrived(struct session *s)
{
    PGresult *r = session_query(s, doing_wake, "SELECT EXISTS (SELECT FROM pg_temp.arrived)", 0, NULL);
    int any = r ? *PQgetvalue(r, 0, 0) == 't' : -1;
    PQclear(r);
    return any;
}

/* How many records wake up now; -1 on failure. */
static long long wake(const struct merge *m, struct session *s, struct arena *a, const char *files)
{
    if (session_run(s, doing_wake, ledger_sql(a, m->set, wake_sql), 1, &files) < 0 ||
        session_run(s, doing_wake, ledger_sql(a, m->set, wait_on_sql), 0, NULL) < 0)
        return -1;
    PGresult *r = session_query(s, doing_wake, "SELECT pg_catalog.count(*) FROM pg_temp.woken", 0, NULL);
    long long n = r ? session_integer(r, 0, 0) : -1;
    PQclear(r);
    return n;
}

static size_t entity_index(const struct entity_set *set, const char *file)
{
    return (size_t)(entity_find(set, file) - set->list); /* woken holds known files only */
}

/* Cleans the woken records of one raw batch anew. */
static int take_up_batch(const struct kept *k, struct load *l, struct merge *m, struct session *s, bool *changed)
{
    char id[32];
    snprintf(id, sizeof id, "%lld", (long long)k->id);
    PGresult *r = session_query_binary(s, doing_wake, records_sql, 1, &(struct parameter){.value = id}, true);
    if (!r)
        return -1;
    bool there = true;
    for (int row = 0; row < PQntuples(r) && (there = !PQgetisnull(r, row, 2)); row++) {
        struct record record = {0};
        load_next_record(l);
        reader_parse(&k->format, k->header, PQgetvalue(r, row, 2), (size_t)PQgetlength(r, row, 2), &l->record, &record);
        struct lineage at = {.batch = k->id, .line = (int)kept_integer(r, row, 0)};
        load_record(l, entity_index(l->set, PQgetvalue(r, row, 1)), &record, at, k->client);
    }
    PQclear(r);
    if (!there)
        failure_set(&s->failure, "XX001", doing_wake,
                    "the raw of batch %s, in which records are parked, is not there; `oriel prune` would have left it",
                    id);
    return !there ? -1 : load_size(l) > AT_ONCE ? load_store(l, m, s, changed) : 0;
}

static int script(struct session *s, const char *sql)
{
    PGresult *r = session_script(s, doing_wake, sql);
    PQclear(r);
    return r ? 0 : -1;
}

/* Kept rejects are many and found by index; the records of a batch are few and hashed (merge_sql.c says why it must be
 * told). */
static const char look_up[] = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off";
static const char hash[] = "SET LOCAL enable_hashjoin = on";

static int take_up_woken(struct load *l, struct merge *m, struct session *s, struct arena *texts, bool *changed)
{
    if (session_run(s, doing_wake, ledger_sql(texts, m->set, forget_sql), 0, NULL) < 0 ||
        session_run(s, doing_wake, ledger_sql(texts, m->set, count_sql), 0, NULL) < 0 || script(s, hash) < 0)
        return -1;
    PGresult *batches = session_query(s, doing_wake, batches_sql, 0, NULL);
    if (!batches)
        return -1;
    int result = 0;
    for (int row = 0; result == 0 && row < PQntuples(batches); row++) {
        struct arena a;
        struct kept kept;
        arena_init(&a);
        read_ahead_hold();
        result = kept_read(&kept, &a, s, batches, row, m->sources);
        if (result == 0)
            result = take_up_batch(&kept, l, m, s, changed);
        read_ahead_resume();
        arena_release(&a);
    }
    PQclear(batches);
    return result < 0 ? -1 : load_store(l, m, s, changed);
}

static int wake_and_take_up(struct load *l, struct merge *m, struct session *s, struct arena *a, const char *files,
                            bool *changed)
{
    long long woken = script(s, look_up) < 0 ? -1 : wake(m, s, a, files);
    if (woken <= 0)
        return (int)woken;
    return take_up_woken(l, m, s, a, changed) < 0 ? -1
                                                  : session_run(s, doing_wake, "DELETE FROM pg_temp.woken", 0, NULL);
}

int park_take_up(struct load *l, struct merge *m, struct session *s, bool *changed)
{
    struct arena a;
    arena_init(&a);
    const char *files = usable_files(m, &a);
    int result;
    while ((result = has_arrived(s)) > 0)
        if (wake_and_take_up(l, m, s, &a, files, changed) < 0) {
            result = -1;
            break;
        }
    arena_release(&a);
    return result;
}
