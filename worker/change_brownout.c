/*
 * Brown-out: taking a contract away for a while shows who still needs it, and can be taken back at once.
 */
#include <errno.h>
#include <signal.h>

#include "lib/log.h"
#include "lib/settings.h"
#include "worker/change_removal.h"
#include "worker/progress.h"

static const double LOOK_SECONDS = 0.05; /* between two looks whether to end, and at the progress */
static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal)
{
    (void)signal;
    interrupted = 1;
}

static const char *grant_sql(struct arena *a, PGconn *c, bool give, const char *view)
{
    char *quoted = PQescapeIdentifier(c, view, strlen(view));
    const char *sql = arena_printf(a, "%s SELECT ON " SCHEMA_API ".%s %s " ROLE_READER, give ? "GRANT" : "REVOKE",
                                   quoted ? quoted : "", give ? "TO" : "FROM");
    PQfreemem(quoted);
    return sql;
}

/* Takes or gives the grants of all views, with the word in oriel.brownout, in one transaction. */
static int set_grants(const char *change, PGconn *c, struct arena *a, const char *const *views, bool give,
                      const char *seconds)
{
    static const char begin[] = "BEGIN; SET LOCAL ROLE oriel_owner; SET LOCAL lock_timeout = '100ms'";
    const char *doing = give ? "giving the grant back" : "revoking the grant";
    bool good = pg_run(c, doing, begin, 0, NULL) == 0;
    for (size_t i = 0; good && views[i]; i++) {
        const char *params[] = {views[i], change, seconds};
        good =
            pg_run(c, doing, grant_sql(a, c, give, views[i]), 0, NULL) == 0 &&
            (give ? pg_run(c, doing, "DELETE FROM oriel.brownout WHERE contract = $1", 1, params)
                  : pg_run(c, doing,
                           "INSERT INTO oriel.brownout (contract, change, until)"
                           " VALUES ($1, $2, pg_catalog.now() + pg_catalog.make_interval(secs => $3::double precision))"
                           " ON CONFLICT (contract) DO UPDATE SET change = $2, until = EXCLUDED.until",
                           3, params)) == 0 &&
            pg_run(c, doing, "SELECT pg_catalog.pg_notify('oriel_contract', $1)", 1, params) == 0;
    }
    return pg_run(c, doing, good ? "COMMIT" : "ROLLBACK", 0, NULL) == 0 && good ? 0 : -1;
}

static void wait_for(const char *what, double seconds)
{
    struct progress progress;
    double began = progress_clock(), passed = 0;
    progress_start(&progress, what, "s");
    while (!interrupted && (passed = progress_clock() - began) < seconds) {
        double left = seconds - passed;
        progress_show(&progress, passed / seconds, (long long)passed);
        nanosleep(&(struct timespec){0, left < LOOK_SECONDS ? (long)(left * 1e9) : (long)(LOOK_SECONDS * 1e9)}, NULL);
    }
    progress_end(&progress);
}

int change_brownout(const struct change *change, PGconn *c, struct arena *a, const struct change_run *run, long long ms)
{
    struct change_removal removal;
    double seconds = (double)ms / 1000;
    const char *text = arena_printf(a, "%.15g", seconds);
    struct sigaction action = {.sa_handler = on_interrupt};
    if (change_removes(&removal, change, c, a, run) < 0)
        return -1;
    const char *const *views = removal.views;
    if (!*views) {
        log_error("%s takes no contract away, so there is nothing to brown out", change->step[STEP_CONTRACT].path);
        return -1;
    }
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (set_grants(change->name, c, a, views, false, text) < 0)
        return -1;
    for (size_t i = 0; views[i]; i++)
        printf("%s is away for %s s\n", views[i], text);
    fflush(stdout);
    wait_for(arena_printf(a, "brown-out of %s", change->name), seconds);
    if (set_grants(change->name, c, a, views, true, text) < 0)
        return -1;
    if (interrupted) {
        log_error("interrupted: the grant was given back at once, and the brown-out does not count");
        return -1;
    }
    if (pg_run(c, "recording the step", "BEGIN", 0, NULL) < 0 || change_record(c, change, STEP_BROWNOUT) < 0 ||
        pg_run(c, "recording the step", "COMMIT", 0, NULL) < 0)
        return -1;
    printf("browned out %s: the grant is back\n", change->name);
    return 0;
}

int brownout_restore(PGconn *c, bool all)
{
    struct arena a;
    int result = 0;
    PGresult *r =
        pg_query(c, "looking for brown-outs that should have ended",
                 "SELECT b.contract, b.change, pg_catalog.to_regclass('" SCHEMA_API
                 ".' || pg_catalog.quote_ident(b.contract)) IS NOT NULL FROM oriel.brownout b"
                 " WHERE $1::boolean OR b.until < pg_catalog.now() - interval '2 s'", /* who began it is first */
                 1, (const char *const[]){all ? "t" : "f"});
    if (!r)
        return -1;
    arena_init(&a);
    for (int i = 0; i < PQntuples(r) && result == 0; i++) {
        const char *const views[] = {PQgetvalue(r, i, 0), NULL};
        if (PQgetvalue(r, i, 2)[0] == 'f') { /* dropped by hand; there is no grant to give back */
            result = pg_run(c, "forgetting a brown-out", "DELETE FROM oriel.brownout WHERE contract = $1", 1, views);
            continue;
        }
        result = set_grants(PQgetvalue(r, i, 1), c, &a, views, true, "0");
        if (result == 0)
            log_warn("the brown-out of %s was not ended by who began it; the grant is given back now", views[0]);
    }
    PQclear(r);
    arena_release(&a);
    return result;
}
