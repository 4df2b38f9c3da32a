#include "worker/change_removal.h"

#include "lib/lease.h"
#include "lib/log.h"
#include "worker/change_prove.h"
#include "worker/reader_lease.h"

static bool removes(const struct contract_difference *d)
{
    return strcmp(d->rule->name, "contract_removed") == 0;
}

/* For the dry run, which only looks; what it finds is judged when it is done for good. */
static int allow_all(const struct change_application *app, struct arena *a, const struct contract_set *lock,
                     const struct contract_difference *d)
{
    (void)app, (void)a, (void)lock, (void)d;
    return 0;
}

struct finding {
    struct arena *arena; /* outlives the application */
    const char **views;
    size_t n;
    const char *tables; /* their OIDs, as an array's text */
};

/* Tables are known by their locks. Those that are dropped have no name inside of the transaction, so their OIDs are
 * kept. */
static int collect(const struct change_application *app, struct arena *a, const struct contract_differences *d)
{
    struct finding *finding = app->context;
    (void)a;
    finding->views = arena_array(finding->arena, d->n + 1, sizeof *finding->views);
    for (size_t i = 0; i < d->n; i++)
        if (removes(&d->list[i]))
            finding->views[finding->n++] = arena_strdup(finding->arena, d->list[i].view);
    PGresult *r = pg_query(
        app->c, "asking for the locks",
        "SELECT COALESCE(pg_catalog.array_agg(DISTINCT l.relation), '{}') FROM pg_catalog.pg_locks l"
        " WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation'"
        "   AND l.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')",
        0, NULL);
    if (r)
        finding->tables = arena_strdup(finding->arena, PQgetvalue(r, 0, 0));
    PQclear(r);
    return r ? 0 : -1;
}

static const char *name_tables(PGconn *c, struct arena *a, const char *oids)
{
    PGresult *r = pg_query(
        c, "naming the tables",
        "SELECT COALESCE(pg_catalog.string_agg(pg_catalog.format('%I.%I', n.nspname, k.relname), ', '"
        "                                      ORDER BY n.nspname, k.relname), '')"
        "  FROM pg_catalog.pg_class k JOIN pg_catalog.pg_namespace n ON n.oid = k.relnamespace"
        " WHERE k.oid = ANY ($1::oid[]) AND k.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'oriel')",
        1, &oids);
    const char *names = r ? arena_strdup(a, PQgetvalue(r, 0, 0)) : NULL;
    PQclear(r);
    return names;
}

int change_removes(struct change_removal *removal, const struct change *change, PGconn *c, struct arena *a,
                   const struct change_run *run)
{
    struct finding finding = {.arena = a};
    struct change_application app = {.c = c,
                                     .change = change,
                                     .step = STEP_CONTRACT,
                                     .run = run,
                                     .judge = allow_all,
                                     .look = collect,
                                     .dry = true,
                                     .context = &finding};
    if (!change->step[STEP_CONTRACT].sql) {
        log_error("%s does not exist, so the change takes nothing away", change->step[STEP_CONTRACT].path);
        return -1;
    }
    if (change_apply(&app) < 0)
        return -1;
    *removal = (struct change_removal){.views = finding.views, .tables = name_tables(c, a, finding.tables)};
    return removal->tables ? 0 : -1;
}

static bool needs_proof(const struct change *change)
{
    return change->step[STEP_FILL].sql || change->step[STEP_PROVE].sql;
}

/* What must have been done before contract, whatever it takes away. */
static int check_steps(const struct change *change, bool removes_contract)
{
    const struct {
        bool needed;
        enum change_step step;
        const char *text;
    } needs[] = {
        {true, STEP_EXPAND, "it is not expanded"},
        {change->step[STEP_FILL].sql, STEP_FILL, "its fill is not done"},
        {needs_proof(change), STEP_PROVE, "it is not proven"},
        {removes_contract, STEP_BROWNOUT, "no brown-out was done"},
    };
    int result = 0;
    for (size_t i = 0; i < ARRAY_SIZE(needs); i++)
        if (needs[i].needed && !change->step[needs[i].step].applied_at) {
            log_error("%s: refused: %s; run `oriel change %s %s`", change->name, needs[i].text,
                      change_step_names[needs[i].step], change->name);
            result = -1;
        }
    return result;
}

static int check_sunset(const struct change *change, const struct contract_set *now, const char *view)
{
    const struct contract *k = contract_find_view(now, view);
    char today[11];
    time_t t = time(NULL);
    struct tm tm;
    gmtime_r(&t, &tm);
    strftime(today, sizeof today, "%Y-%m-%d", &tm);
    if (k && k->sunset && strcmp(k->sunset, today) <= 0)
        return 0;
    log_error("%s: refused: %s %s%s", change->name, view,
              k && k->sunset ? "has its sunset still ahead, on "
                             : "has no sunset; declare @sunset in its comment, so that readers know the day",
              k && k->sunset ? k->sunset : "");
    return -1;
}

/* What a removal is judged by, beside the catalog. */
struct removing {
    const struct change_removal *removal; /* NULL where none was looked for */
    struct reader_leases elsewhere;       /* at standbys, read before any lock is taken */
};

static int refuse_leases(const char *change, const struct reader_leases *leases, const char *view)
{
    int result = 0;
    for (size_t i = 0; i < leases->n; i++) {
        const struct reader_lease *l = &leases->list[i];
        if (strcmp(l->view, view) != 0)
            continue;
        log_error("%s: refused: %s is read by \"%s\" (%s, since %s, pid %s)", change, view, l->application, l->address,
                  l->since, l->pid);
        result = -1;
    }
    return result;
}

static int check_leases(const char *change, PGconn *c, struct arena *a, const char *view)
{
    struct reader_leases leases;
    return reader_leases_read(&leases, a, c, view) < 0 ? -1 : refuse_leases(change, &leases, view);
}

/* Inside the transaction, after the DDL: nobody holds a lease, and until COMMIT nobody can take one. Tries, never
 * waits: a waiting request would keep new readers from their leases. */
static int take_lease(const struct change_application *app, struct arena *a, const char *view)
{
    PGresult *r = pg_query(app->c, "taking the contract's lease",
                           "SELECT pg_catalog.pg_try_advisory_xact_lock(" LEASE_KEY("$1::text") ")", 1, &view);
    bool mine = r && PQgetvalue(r, 0, 0)[0] == 't';
    bool asked = r;
    PQclear(r);
    if (mine)
        return 0;
    if (asked && check_leases(app->change->name, app->c, a, view) == 0)
        log_error("%s: refused: a reader took a lease on %s just now; look with `oriel readers`", app->change->name,
                  view);
    return -1;
}

static int judge_removal(const struct change_application *app, struct arena *a, const struct contract_set *lock,
                         const struct contract_difference *d)
{
    const struct removing *removing = app->context;
    if (!removes(d))
        return change_judge_additive(app, a, lock, d);
    return refuse_leases(app->change->name, &removing->elsewhere, d->view) < 0 ? -1 : take_lease(app, a, d->view);
}

/* Readers go on meanwhile; a writer waits for the proof and the drop, and then finds the new tables. */
static enum change_outcome prove_again(const struct change_application *app, struct arena *a)
{
    const struct change_removal *removal = ((const struct removing *)app->context)->removal;
    const char *name = app->change->name,
               *sql = arena_printf(a, "LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE", removal->tables);
    if (*removal->tables) {
        PGresult *r = PQexec(app->c, sql);
        enum change_outcome outcome = change_outcome_of(r);
        if (outcome == CHANGE_FAILED)
            pg_tell_failure(app->c, r, "keeping writers away");
        PQclear(r);
        if (outcome != CHANGE_APPLIED)
            return outcome;
    }
    if (!needs_proof(app->change) || change_prove_again(app->change, app->c, a) == 0)
        return CHANGE_APPLIED;
    log_error("%s: refused: what was proven on %s holds no more (see above), and would be lost; nothing was changed. "
              "What to do: stop the workers of the release before, who still write the old way; then "
              "`oriel change fill %s`, `oriel change prove %s`, and this again",
              name, app->change->step[STEP_PROVE].applied_at, name, name);
    return CHANGE_FAILED;
}

int change_contract(const struct change *change, PGconn *c, struct arena *a, const struct change_run *run,
                    const struct contract_set *rollback)
{
    struct change_removal removal;
    struct removing removing = {.removal = &removal};
    struct contract_set now;
    if (change->step[STEP_CONTRACT].applied_at) {
        printf("%s was contracted already\n", change->name);
        return 0;
    }
    if (!change->step[STEP_EXPAND].applied_at)
        return check_steps(change, false);
    if (change_removes(&removal, change, c, a, run) < 0 || contract_catalog_read(&now, a, c) < 0)
        return -1;
    const char *const *views = removal.views;
    int result = check_steps(change, *views) | reader_leases_read_standbys(&removing.elsewhere, a, c, run->standbys);
    for (size_t i = 0; views[i]; i++) {
        result |= check_sunset(change, &now, views[i]) | check_leases(change->name, c, a, views[i]) |
                  refuse_leases(change->name, &removing.elsewhere, views[i]);
        if (rollback && contract_find_view(rollback, views[i])) {
            log_error("%s: refused: the release that one would roll back to still reads %s", change->name, views[i]);
            result = -1;
        }
    }
    struct change_application app = {.c = c,
                                     .change = change,
                                     .step = STEP_CONTRACT,
                                     .run = run,
                                     .prepare = prove_again,
                                     .judge = judge_removal,
                                     .context = &removing};
    if (result < 0 || change_apply(&app) < 0)
        return -1;
    printf("contracted %s\n", change->name);
    return 0;
}

int change_revert(const struct change *change, PGconn *c, struct arena *a, const struct change_run *run)
{
    struct removing removing = {0};
    struct change_application app = {
        .c = c, .change = change, .step = STEP_REVERT, .run = run, .judge = judge_removal, .context = &removing};
    if (!change->step[STEP_REVERT].sql) {
        log_error("%s does not exist, so the change cannot be undone", change->step[STEP_REVERT].path);
        return -1;
    }
    if (change->step[STEP_CONTRACT].applied_at) {
        log_error("%s: refused: contract has run (%s), and what it dropped is gone; undo it with a new change",
                  change->name, change->step[STEP_CONTRACT].applied_at);
        return -1;
    }
    if (!change->step[STEP_EXPAND].applied_at) {
        printf("%s was not expanded\n", change->name);
        return 0;
    }
    if (reader_leases_read_standbys(&removing.elsewhere, a, c, run->standbys) < 0 || change_apply(&app) < 0)
        return -1;
    printf("reverted %s\n", change->name);
    return 0;
}
