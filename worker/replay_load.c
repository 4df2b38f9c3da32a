/* Loading what is kept into the shadows: the same as loading a delivery, but that the records come from raw. */
#include "lib/log.h"
#include "worker/gone.h"
#include "worker/kept.h"
#include "worker/park.h"
#include "worker/replay.h"

static const char doing_load[] = "loading a kept batch anew";

enum { MOST_TRIES = 20 }; /* of a batch that loses a deadlock against the live worker */

static const char next_sql[] = "SELECT " KEPT_COLUMNS ", b.stored, b.n_records, b.entities::pg_catalog.text,\n"
                               "       CASE WHEN d.gone_stored IS NOT NULL THEN d.id END\n"
                               "FROM raw.batch b LEFT JOIN oriel.delivery d ON d.id = b.delivery\n"
                               "WHERE b.stored > $1::bigint AND " KEPT_CONDITION " ORDER BY b.stored LIMIT 1";
enum { COLUMN_SOURCE = 4, COLUMN_STORED, COLUMN_RECORDS, COLUMN_ENTITIES, COLUMN_COMPLETE };
/* What a delivery names is not known when a part of it was pruned. What it marked came from older raw, which was pruned
 * before, so these rows stand in the shadow as they are. */
static const char next_gone_sql[] = "SELECT d.id, d.source, d.gone_stored FROM oriel.delivery d\n"
                                    "WHERE d.gone_stored > $1::bigint AND NOT EXISTS (\n"
                                    "    SELECT FROM raw.batch b WHERE b.delivery = d.id AND NOT " KEPT_CONDITION ")\n"
                                    "ORDER BY d.gone_stored LIMIT 1";
/* unnest reads the array once; a subscript per record would read it once per record. */
static const char records_sql[] =
    "SELECT r.line::pg_catalog.int4, r.bytes\n"
    "FROM raw.payload p CROSS JOIN LATERAL pg_catalog.unnest(p.records) WITH ORDINALITY AS r (bytes, line)\n"
    "WHERE p.batch = $1::bigint AND p.received_at = (SELECT b.received_at FROM raw.batch b WHERE b.id = $1::bigint)\n"
    "ORDER BY r.line";
static const char count_sql[] = "INSERT INTO replay.batch_entity (batch, entity)\n"
                                "SELECT $1::bigint, e FROM pg_catalog.unnest($2::text[]) e";
static const char sum_sql[] = "SELECT pg_catalog.count(*) FROM replay.batch_entity WHERE batch = $1::bigint\n"
                              "AND inserted + updated + unchanged + rejected + parked <> $2::bigint";
static const char progress_sql[] = "UPDATE oriel.replay SET stored = $1::bigint, batches = batches + 1,\n"
                                   "       records = records + $2::bigint, updated_at = pg_catalog.now()";

/* A kept batch in hand. */
struct round {
    struct replay *replay;
    struct arena arena;
    PGresult *batch;
    struct kept kept;
    bool *fed; /* per entity file: whether it cleans this batch */
};

static const struct source *find_source(const struct replay *r, const char *name)
{
    for (size_t i = 0; i < r->domain->sources.n; i++)
        if (strcmp(r->domain->sources.list[i].name, name) == 0)
            return &r->domain->sources.list[i];
    return NULL;
}

/* The entity files that the source names today; of a source that is gone, those that cleaned the batch when it came. */
static int find_fed(struct round *k)
{
    const struct replay *r = k->replay;
    const char *name = PQgetvalue(k->batch, 0, COLUMN_SOURCE), *text = PQgetvalue(k->batch, 0, COLUMN_ENTITIES);
    k->fed = arena_array(&k->arena, r->set.n, sizeof *k->fed);
    const struct source *s = find_source(r, name);
    if (s) {
        for (size_t i = 0; i < s->n_entities; i++) {
            size_t at = (size_t)(s->entities[i] - r->domain->entities.list);
            k->fed[at] = r->chosen[at];
        }
        return 0;
    }
    const struct cfg *files = cfg_parse(&k->arena, "raw.batch.entities", text, strlen(text));
    for (size_t i = 0; files && i < r->set.n; i++)
        k->fed[i] = r->chosen[i] && cfg_get(files, r->set.list[i].file)->present;
    return files ? 0 : -1;
}

static int clean_records(struct round *k, struct session *s)
{
    struct load *l = &k->replay->load;
    l->complete = !PQgetisnull(k->batch, 0, COLUMN_COMPLETE);
    l->delivery = l->complete ? session_integer(k->batch, 0, COLUMN_COMPLETE) : 0;
    const struct parameter id = {.value = PQgetvalue(k->batch, 0, 0)};
    PGresult *r = session_query_binary(s, doing_load, records_sql, 1, &id, true);
    if (!r)
        return -1;
    if (PQntuples(r) != session_integer(k->batch, 0, COLUMN_RECORDS)) {
        failure_set(
            &s->failure, "XX001", doing_load,
            "the raw of batch %s is not there, though nothing says that it was pruned; if its month was removed "
            "by hand, `oriel prune` takes note of it",
            id.value);
        PQclear(r);
        return -1;
    }
    for (int row = 0; row < PQntuples(r); row++) {
        struct record record = {0};
        struct lineage at = {.batch = k->kept.id, .line = (int)kept_integer(r, row, 0)};
        load_next_record(l);
        reader_parse(&k->kept.format, k->kept.header, PQgetvalue(r, row, 1), (size_t)PQgetlength(r, row, 1), &l->record,
                     &record);
        for (size_t i = 0; i < l->set->n; i++)
            if (k->fed[i])
                load_record(l, i, &record, at, k->kept.client);
    }
    PQclear(r);
    return 0;
}

static const char *fed_files(struct round *k)
{
    const struct entity_set *set = &k->replay->set;
    const char **files = arena_array(&k->arena, set->n, sizeof *files);
    size_t n = 0;
    for (size_t i = 0; i < set->n; i++)
        if (k->fed[i])
            files[n++] = set->list[i].file;
    return session_array(&k->arena, files, n);
}

static int check_sums(struct round *k, struct session *s)
{
    const char *const params[] = {PQgetvalue(k->batch, 0, 0), PQgetvalue(k->batch, 0, COLUMN_RECORDS)};
    PGresult *r = session_query(s, doing_load, sum_sql, 2, params);
    bool good = r && session_integer(r, 0, 0) == 0;
    if (r && !good)
        failure_set(&s->failure, "XX000", doing_load, "the counts of raw batch %s do not add up", params[0]);
    PQclear(r);
    return good ? 0 : -1;
}

static int store(struct round *k, struct session *s)
{
    struct replay *r = k->replay;
    struct merge *m = &r->shadow.merge;
    const char *const count[] = {PQgetvalue(k->batch, 0, 0), fed_files(k)};
    const char *const progress[] = {PQgetvalue(k->batch, 0, COLUMN_STORED), PQgetvalue(k->batch, 0, COLUMN_RECORDS)};
    PGresult *began = session_script(s, doing_load, "BEGIN; SET CONSTRAINTS ALL IMMEDIATE");
    PQclear(began);
    return !began || clean_records(k, s) < 0 || session_run(s, doing_load, count_sql, 2, count) < 0 ||
                   load_store(&r->load, m, s, r->shadow.changed) < 0 ||
                   park_take_up(&r->load, m, s, r->shadow.changed) < 0 || check_sums(k, s) < 0 ||
                   session_run(s, doing_load, progress_sql, 2, progress) < 0 ||
                   session_run(s, doing_load, "COMMIT", 0, NULL) < 0
               ? -1
               : 0;
}

/* Ids are given by the live worker too, so one of us may have to wait for the other in a circle. */
static int store_or_try_again(struct round *k)
{
    struct replay *r = k->replay;
    struct session *s = &r->shadow.session;
    for (int tries = 1;; tries++) {
        int result = store(k, s);
        merge_transaction_ended(&r->shadow.merge);
        if (result == 0)
            return 0;
        struct failure why = s->failure;
        load_reset(&r->load);
        if (PQstatus(s->c) == CONNECTION_OK)
            PQclear(session_script(s, doing_load, "ROLLBACK"));
        s->failure = why;
        if (strncmp(why.sqlstate, "40", 2) != 0 || tries == MOST_TRIES)
            return replay_tell(s);
    }
}

static int load_batch(struct round *k)
{
    struct replay *r = k->replay;
    struct session *s = &r->shadow.session;
    if (kept_read(&k->kept, &k->arena, s, k->batch, 0, &r->domain->sources) < 0)
        return replay_tell(s);
    if (find_fed(k) < 0 || store_or_try_again(k) < 0)
        return -1;
    r->stored = session_integer(k->batch, 0, COLUMN_STORED);
    r->done += session_integer(k->batch, 0, COLUMN_RECORDS);
    return 1;
}

/* Marks gone what a complete delivery missed, at the place where it was marked. */
static int mark_gone(struct replay *r, const PGresult *gone)
{
    struct session *s = &r->shadow.session;
    const struct source *source = find_source(r, PQgetvalue(gone, 0, 1));
    const char *const progress[] = {PQgetvalue(gone, 0, 2), "0"};
    long long rows = 0;
    PGresult *began = session_script(s, doing_load, "BEGIN");
    PQclear(began);
    if (!source)
        log_warn("source %s has no source file any more; what its delivery %s marked gone is not, in this replay",
                 PQgetvalue(gone, 0, 1), PQgetvalue(gone, 0, 0));
    if (!began ||
        (source && gone_mark(&r->shadow.merge, s, source, r->chosen, session_integer(gone, 0, 0), r->shadow.changed,
                             &rows) < 0) ||
        session_run(s, doing_load, progress_sql, 2, progress) < 0 || session_run(s, doing_load, "COMMIT", 0, NULL) < 0)
        return replay_tell(s);
    r->stored = session_integer(gone, 0, 2);
    return 1;
}

/* What was stored next: a batch, or that a complete delivery marked what it missed. */
static int load_next(struct replay *r, struct round *k)
{
    struct session *s = &r->shadow.session;
    char stored[32];
    snprintf(stored, sizeof stored, "%lld", r->stored);
    PGresult *gone = session_query(s, doing_load, next_gone_sql, 1, (const char *[]){stored});
    if (!gone)
        return replay_tell(s);
    bool batch = PQntuples(k->batch);
    bool first =
        PQntuples(gone) && (!batch || session_integer(gone, 0, 2) < session_integer(k->batch, 0, COLUMN_STORED));
    int result = first ? mark_gone(r, gone) : batch ? load_batch(k) : 0;
    PQclear(gone);
    return result;
}

int replay_load_next(struct replay *r)
{
    struct round k = {.replay = r};
    struct session *s = &r->shadow.session;
    char stored[32];
    snprintf(stored, sizeof stored, "%lld", r->stored);
    k.batch = session_query(s, doing_load, next_sql, 1, (const char *[]){stored});
    if (!k.batch)
        return replay_tell(s);
    arena_init(&k.arena);
    int result = load_next(r, &k);
    arena_release(&k.arena);
    PQclear(k.batch);
    return result;
}
