/*
 * oriel release, oriel refuse: what a person decides about a complete delivery from which too much is missing.
 */
#include "lib/log.h"
#include "lib/text.h"
#include "worker/batch.h"
#include "worker/command.h"
#include "worker/domain.h"
#include "worker/gone.h"

static const char doing[] = "deciding about a delivery";

static const char find_sql[] = "SELECT source, gone FROM oriel.delivery WHERE id = $1::bigint FOR UPDATE";
static const char decided_sql[] =
    "UPDATE oriel.delivery SET gone = $2, gone_rows = $3::bigint, gone_message = NULL,\n"
    "       gone_stored = CASE WHEN $2 = 'released' THEN pg_catalog.nextval('raw.stored') END WHERE id = $1::bigint";
static const char forget_sql[] = "DELETE FROM raw.seen WHERE delivery = $1::bigint";
static const char version_sql[] =
    "WITH changed AS (\n"
    "    UPDATE oriel.entity SET data_version = data_version + 1, changed_at = pg_catalog.now()\n"
    "    WHERE name = $1 RETURNING name)\n"
    "SELECT pg_catalog.pg_notify('oriel_data', name) FROM changed";

/* A delivery that waits, in the open transaction, where nothing is stored meanwhile. */
struct waiting {
    const char *delivery;
    const struct domain *domain;
    const struct source *source;
    struct loader loader;
    long long rows;
};

static int tell_failure(const struct session *s)
{
    log_error("%s: %s (SQLSTATE %s); nothing was changed", s->failure.doing, s->failure.message, s->failure.sqlstate);
    return -1;
}

static int find(struct waiting *w)
{
    struct session *s = &w->loader.session;
    PGresult *began = session_script(s, doing, "BEGIN; SELECT pg_catalog.pg_advisory_xact_lock(" LOCK_STORE ")");
    PGresult *r = began ? session_query(s, doing, find_sql, 1, &w->delivery) : NULL;
    PQclear(began);
    if (!r)
        return tell_failure(s);
    bool waits = PQntuples(r) && strcmp(PQgetvalue(r, 0, 1), "waiting") == 0;
    if (!PQntuples(r))
        log_error("there is no delivery %s; `oriel status` shows those that wait", w->delivery);
    else if (!waits)
        log_error("delivery %s does not wait%s%s; `oriel status` shows those that do", w->delivery,
                  PQgetisnull(r, 0, 1) ? "" : ": it is ", PQgetvalue(r, 0, 1));
    const struct source_set *sources = &w->domain->sources;
    for (size_t i = 0; waits && i < sources->n; i++)
        if (strcmp(sources->list[i].name, PQgetvalue(r, 0, 0)) == 0)
            w->source = &sources->list[i];
    if (waits && !w->source)
        log_error("delivery %s is of source %s, which has no source file any more", w->delivery, PQgetvalue(r, 0, 0));
    PQclear(r);
    return w->source ? 0 : -1;
}

static int mark(struct waiting *w)
{
    struct loader *l = &w->loader;
    struct session *s = &l->session;
    if (gone_mark(&l->merge, s, w->source, NULL, strtoll(w->delivery, NULL, 10), l->changed, &w->rows) < 0)
        return tell_failure(s);
    for (size_t i = 0; i < l->entities->n; i++)
        if (l->changed[i] && session_run(s, doing, version_sql, 1, &l->entities->list[i].name) < 0)
            return tell_failure(s);
    return 0;
}

static int decide(struct waiting *w, bool release)
{
    struct session *s = &w->loader.session;
    if (find(w) < 0 || (release && mark(w) < 0))
        return -1;
    char rows[32];
    snprintf(rows, sizeof rows, "%lld", w->rows);
    const char *const params[] = {w->delivery, release ? "released" : "refused", rows};
    if (session_run(s, doing, decided_sql, 3, params) < 0 || session_run(s, doing, forget_sql, 1, params) < 0 ||
        session_run(s, doing, "COMMIT", 0, NULL) < 0)
        return tell_failure(s);
    if (release)
        printf("released delivery %s: %lld rows are marked gone\n", w->delivery, w->rows);
    else
        printf("refused delivery %s: no row is marked gone\n", w->delivery);
    return 0;
}

static int run(struct command_context *context, char **argv, bool release)
{
    long long n;
    if (text_integer(argv[0], 1, INT64_MAX, &n) < 0)
        return command_usage(release ? "release" : "refuse", "\"%s\" is not the number of a delivery", argv[0]);
    int code;
    struct domain *d = command_domain(context, &code);
    if (!d)
        return code;
    struct waiting w = {.delivery = argv[0], .domain = d};
    loader_init(&w.loader);
    bool good = session_open(&w.loader.session, d->settings.database) == 0;
    if (good && loader_prepare(&w.loader, &d->entities) < 0)
        good = tell_failure(&w.loader.session) == 0;
    good = good && decide(&w, release) == 0;
    loader_release(&w.loader);
    domain_free(d);
    return good ? EXIT_OK : EXIT_FAILED;
}

static int run_release(struct command_context *context, int argc, char **argv)
{
    (void)argc;
    return run(context, argv, true);
}

static int run_refuse(struct command_context *context, int argc, char **argv)
{
    (void)argc;
    return run(context, argv, false);
}

const struct command command_refuse = {
    .name = "refuse",
    .arguments = "DELIVERY",
    .summary = "drop a waiting delivery's marking of what is gone",
    .details =
        "A complete delivery from which too much is missing waits for a person (`oriel status` shows its number). Its\n"
        "rows are there; what waits is that the missing ones are marked gone. They are not, then.\n",
    .run = run_refuse,
};

const struct command command_release = {
    .name = "release",
    .arguments = "DELIVERY",
    .summary = "let a waiting delivery mark as gone what it misses",
    .details =
        "A complete delivery from which too much is missing waits for a person (`oriel status` shows its number). Its\n"
        "rows are there; what waits is that the missing ones are marked gone. They are, then.\n",
    .run = run_release,
};
