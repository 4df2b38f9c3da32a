/*
 * oriel pull SOURCE: one pass now. Where a worker leads, it is asked to, and does it beside its other work; where none
 * does, the leader's lock is taken and the pass made here.
 */
#include <poll.h>

#include "lib/log.h"
#include "worker/command.h"
#include "worker/domain.h"
#include "worker/work.h"

enum { LOOK_EVERY_MS = 100 };

static const char ask_sql[] =
    "WITH asked AS (UPDATE oriel.source SET asked = asked + 1 WHERE name = $1 RETURNING asked)\n"
    "SELECT a.asked, COALESCE((SELECT pg_catalog.max(b.id) FROM raw.batch b), 0), pg_catalog.pg_notify('" PULL_CHANNEL
    "', $1)\n"
    "FROM asked a";
static const char register_sql[] =
    "INSERT INTO oriel.source (name, client) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
static const char look_sql[] =
    "SELECT s.answered >= $2::bigint, s.state, s.message,\n"
    "       NOT EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory' AND l.granted\n"
    "                   AND l.classid = 1869769068 AND l.objid = 1 AND l.objsubid = 2\n"
    "                   AND l.database = (SELECT oid FROM pg_catalog.pg_database\n"
    "                                     WHERE datname = pg_catalog.current_database()))\n"
    "FROM oriel.source s WHERE s.name = $1";
static const char sums_sql[] =
    "SELECT (SELECT COALESCE(pg_catalog.sum(n_records), 0) FROM raw.batch WHERE source = $1 AND id > $2::bigint),\n"
    "       pg_catalog.string_agg(pg_catalog.format(\n"
    "           '%s: inserted=%s updated=%s unchanged=%s rejected=%s parked=%s', entity, i, u, n, r, p), '; '\n"
    "           ORDER BY entity)\n"
    "FROM (SELECT e.entity, pg_catalog.sum(e.inserted) AS i, pg_catalog.sum(e.updated) AS u,\n"
    "             pg_catalog.sum(e.unchanged) AS n, pg_catalog.sum(e.rejected) AS r, pg_catalog.sum(e.parked) AS p\n"
    "      FROM raw.batch b JOIN raw.batch_entity e ON e.batch = b.id\n"
    "      WHERE b.source = $1 AND b.id > $2::bigint GROUP BY e.entity) d";

struct asked {
    const char *source;
    char number[32], last_batch[32]; /* of the question; of the newest batch before it */
};

static int ask(PGconn *c, const struct source *source, struct asked *asked)
{
    const char *const params[] = {source->name, source->client};
    if (pg_run(c, "registering a source", register_sql, 2, params) < 0)
        return -1;
    PGresult *r = pg_query(c, "asking for a pull", ask_sql, 1, params);
    if (!r)
        return -1;
    asked->source = source->name;
    snprintf(asked->number, sizeof asked->number, "%s", PQgetvalue(r, 0, 0));
    snprintf(asked->last_batch, sizeof asked->last_batch, "%s", PQgetvalue(r, 0, 1));
    PQclear(r);
    return 0;
}

static int tell_sums(PGconn *c, const struct asked *asked)
{
    PGresult *r = pg_query(c, "summing the pull up", sums_sql, 2, (const char *[]){asked->source, asked->last_batch});
    if (!r)
        return EXIT_FAILED;
    if (PQgetisnull(r, 0, 1))
        printf("%s: nothing new\n", asked->source);
    else
        printf("%s: records=%s; %s\n", asked->source, PQgetvalue(r, 0, 0), PQgetvalue(r, 0, 1));
    PQclear(r);
    return EXIT_OK;
}

/* Whether the question was answered. Where nobody leads (any more), *alone. -1 after a message. */
static int look(PGconn *c, const struct asked *asked, bool *alone, int *code)
{
    PGresult *r = pg_query(c, "waiting for the pull", look_sql, 2, (const char *[]){asked->source, asked->number});
    if (!r || !PQntuples(r)) {
        PQclear(r);
        return -1;
    }
    bool answered = *PQgetvalue(r, 0, 0) == 't', ready = strcmp(PQgetvalue(r, 0, 1), "ready") == 0;
    *alone = *PQgetvalue(r, 0, 3) == 't';
    if (answered && !ready)
        log_error("source %s is %s: %s", asked->source, PQgetvalue(r, 0, 1), PQgetvalue(r, 0, 2));
    else if (answered && !PQgetisnull(r, 0, 2) && !*alone) /* else it stands in what was logged here */
        log_warn("source %s: %s", asked->source, PQgetvalue(r, 0, 2));
    *code = ready ? EXIT_OK : EXIT_FAILED;
    PQclear(r);
    return answered;
}

static int pull(struct command_context *context, PGconn *c, const struct source *source)
{
    struct asked asked;
    bool alone = false;
    int code = EXIT_FAILED;
    if (ask(c, source, &asked) < 0)
        return EXIT_FAILED;
    for (int answered; (answered = look(c, &asked, &alone, &code)) <= 0;) {
        if (answered < 0)
            return EXIT_FAILED;
        if (alone && (code = work_once(context->config, context->database, source->name)) != EXIT_OK)
            return code;
        if (!alone)
            poll(NULL, 0, LOOK_EVERY_MS);
    }
    return code == EXIT_OK ? tell_sums(c, &asked) : code;
}

static const struct source *find(const struct source_set *set, const char *name)
{
    for (size_t i = 0; i < set->n; i++)
        if (strcmp(set->list[i].name, name) == 0)
            return &set->list[i];
    log_error("there is no source \"%s\" in the configuration", name);
    return NULL;
}

static int run(struct command_context *context, int argc, char **argv)
{
    (void)argc;
    struct domain *d = domain_load(context->config, context->database);
    const struct source *source = d ? find(&d->sources, argv[0]) : NULL;
    PGconn *c = source ? command_connect(context) : NULL;
    int code = !source ? EXIT_USAGE : c ? pull(context, c, source) : EXIT_FAILED;
    PQfinish(c);
    domain_free(d);
    return code;
}

const struct command command_pull = {
    .name = "pull",
    .arguments = "SOURCE",
    .summary = "everything that a source has, now",
    .details =
        "Where a worker leads, it makes the pull beside its other work, at once, also for a source that waits after\n"
        "a failure; where none does, it is made here. Ends when it is over and says what came of it; exit code 1,\n"
        "with the reason, when it failed.\n",
    .run = run,
};
