/* What a replay cannot clean anew, because its raw was pruned: it is told before anything is done. */
#include "lib/log.h"
#include "worker/kept.h"
#include "worker/replay.h"

static const char doing_pruned[] = "looking for what was pruned";

/* $1: the chosen entity files. */
static const char pruned_sql[] =
    "SELECT COALESCE(pg_catalog.sum(b.n_records), 0)::bigint,\n"
    "       pg_catalog.to_char(pg_catalog.max(b.received_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD')\n"
    "FROM raw.batch b WHERE NOT " KEPT_CONDITION "\n"
    "AND EXISTS (SELECT FROM raw.batch_entity e WHERE e.batch = b.id AND e.entity = ANY ($1::text[]))";
static const char batch_sql[] =
    "SELECT pg_catalog.to_char(m.pruned_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), m.pruned_by\n"
    "FROM raw.batch b JOIN raw.month m ON b.received_at >= m.since AND b.received_at < m.until\n"
    "WHERE b.id = $1::bigint AND m.pruned_at IS NOT NULL";

/* What comes from a single batch cannot be applied without it. */
static int check_batch(struct replay *r)
{
    struct session *s = &r->live.session;
    if (!r->scope.batch)
        return 0;
    PGresult *got = session_query(s, doing_pruned, batch_sql, 1, &r->scope.batch);
    if (!got)
        return replay_tell(s);
    bool pruned = PQntuples(got);
    if (pruned)
        log_error("the raw of batch %s was pruned at %s by %s, so nothing can be cleaned anew from it", r->scope.batch,
                  PQgetvalue(got, 0, 0), PQgetvalue(got, 0, 1));
    PQclear(got);
    return pruned ? -1 : 0;
}

static int count_rows(struct replay *r)
{
    struct session *s = &r->live.session;
    for (size_t i = 0; i < r->n_tables; i++) {
        PGresult *got = session_query(s, doing_pruned, r->tables[i].pruned, 0, NULL);
        if (!got)
            return replay_tell(s);
        r->tables[i].pruned_rows = session_integer(got, 0, 0);
        PQclear(got);
    }
    return 0;
}

static void tell(const struct replay *r, const char *until)
{
    struct buf rows;
    buf_init(&rows, 1 << 16);
    for (size_t i = 0; i < r->n_tables; i++)
        if (r->tables[i].pruned_rows)
            buf_printf(&rows, "%s%lld of %s", rows.len ? ", " : "", r->tables[i].pruned_rows,
                       r->tables[i].entity->name);
    log_warn(
        "the raw of %lld records, received until %s, was pruned. Rows that came from it stay as they are (%s); what is "
        "in the tables no more, of that raw, cannot be rebuilt",
        r->pruned, until, rows.len ? buf_str(&rows) : "there are none");
    buf_release(&rows);
}

int replay_look_for_pruned(struct replay *r)
{
    struct session *s = &r->live.session;
    const char **files = arena_array(&r->arena, r->set.n, sizeof *files);
    size_t n = 0;
    for (size_t i = 0; i < r->set.n; i++)
        if (r->chosen[i])
            files[n++] = r->set.list[i].file;
    const char *array = session_array(&r->arena, files, n);
    PGresult *got = session_query(s, doing_pruned, pruned_sql, 1, &array);
    if (!got)
        return replay_tell(s);
    r->pruned = session_integer(got, 0, 0);
    int result = check_batch(r);
    if (result == 0 && r->pruned)
        result = count_rows(r);
    if (result == 0 && r->pruned)
        tell(r, PQgetvalue(got, 0, 1));
    PQclear(got);
    return result;
}
