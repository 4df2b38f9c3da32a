#include "worker/change_apply.h"

#include <unistd.h>

#include "lib/log.h"
#include "lib/settings.h"
#include "worker/change_lint.h"
#include "worker/contract_lint.h"
#include "worker/contract_order.h"
#include "worker/contract_probe.h"

/* As long as a lock may be waited for; where readers wait for a lock of the change already, not as long, and not at all
 * for a table that cannot be looked through by then. */
enum { LONGEST_PROBE_MS = 100, LONGEST_LOCKED_PROBE_MS = 5, LARGEST_LOCKED_TABLE = 4 << 20 };

static const struct change_file *file_of(const struct change_application *app)
{
    return &app->change->step[app->step];
}

static enum change_outcome run_sql(const struct change_application *app)
{
    const struct change_file *f = file_of(app);
    enum change_outcome outcome = CHANGE_APPLIED;
    size_t n = 0; /* statements that were done */
    if (!PQsendQuery(app->c, f->sql)) {
        pg_tell_failure(app->c, NULL, f->path);
        return CHANGE_FAILED;
    }
    if (app->statements)
        buf_reset(app->statements); /* this may be another try */
    for (PGresult *r; (r = change_next_result(app->c)); PQclear(r)) {
        if (outcome != CHANGE_APPLIED)
            continue;
        outcome = change_outcome_of(r);
        if (outcome == CHANGE_FAILED)
            change_tell_failure(f, n, app->c, r);
        else if (outcome == CHANGE_APPLIED && app->statements)
            buf_printf(app->statements, "  %s\n", PQcmdStatus(r));
        n++;
    }
    return outcome;
}

static const char contracts_statement[] = "oriel_contracts";

static int prepare_contracts(PGconn *c)
{
    PGresult *r = PQprepare(c, contracts_statement, contract_catalog_sql, 0, NULL);
    bool good = PQresultStatus(r) == PGRES_COMMAND_OK;
    if (!good)
        pg_tell_failure(c, r, "reading the contracts from the catalog");
    PQclear(r);
    return good ? 0 : -1;
}

/* A connection that is lost has lost it, too. */
static void forget_contracts(PGconn *c)
{
    if (PQstatus(c) == CONNECTION_OK)
        (void)!pg_run(c, "reading the contracts from the catalog", "DEALLOCATE oriel_contracts", 0, NULL);
}

/* Reading a view's text takes a lock on it and its tables, so this too may have to be tried again. The second time the
 * change's own locks are held, and readers wait: so it is not planned again. */
static enum change_outcome read_contracts(struct contract_set *set, struct arena *a, PGconn *c)
{
    PGresult *r = PQexecPrepared(c, contracts_statement, 0, NULL, NULL, NULL, 0);
    enum change_outcome outcome = change_outcome_of(r);
    if (outcome == CHANGE_FAILED)
        pg_tell_failure(c, r, "reading the contracts from the catalog");
    else if (outcome == CHANGE_APPLIED && contract_catalog_parse(set, a, r) < 0)
        outcome = CHANGE_FAILED;
    PQclear(r);
    return outcome == CHANGE_APPLIED ? contract_order_read(set, c) : outcome;
}

int change_judge_additive(const struct change_application *app, struct arena *a, const struct contract_set *lock,
                          const struct contract_difference *d)
{
    bool breaks = d->rule->verdict == CONTRACT_BREAK;
    if (!breaks && contract_difference_acknowledged(lock, a, d))
        return 0;
    log_error("%s: %s", file_of(app)->path, contract_difference_text(a, d));
    return -1;
}

static int judge_all(const struct change_application *app, struct arena *a, const struct contract_set *lock,
                     const struct contract_differences *d)
{
    int result = 0;
    enum contract_verdict worst = CONTRACT_SAME;
    for (size_t i = 0; i < d->n; i++) {
        enum contract_verdict v = d->list[i].rule->verdict;
        if (v >= CONTRACT_ACK && app->judge(app, a, lock, &d->list[i]) < 0) {
            result = -1;
            worst = v > worst ? v : worst;
        }
    }
    if (result < 0)
        log_error("%s: rolled back, since it would %s a live contract; nothing was changed", file_of(app)->path,
                  worst == CONTRACT_BREAK ? "break" : "change the meaning of");
    return result;
}

/* A COMMIT inside the file would end the transaction that makes a change all or nothing. */
static const char *transaction_id(PGconn *c, struct arena *a)
{
    if (PQtransactionStatus(c) != PQTRANS_INTRANS)
        return "";
    PGresult *r = pg_query(c, "asking for the transaction", "SELECT pg_catalog.pg_current_xact_id()", 0, NULL);
    const char *id = r ? arena_strdup(a, PQgetvalue(r, 0, 0)) : "";
    PQclear(r);
    return id;
}

static int finish(const struct change_application *app)
{
    const char *name = app->change->name;
    if (app->dry)
        return pg_run(app->c, "rolling back", "ROLLBACK", 0, NULL);
    return change_record(app->c, app->change, app->step) < 0 ||
                   pg_run(app->c, "telling the readers", "SELECT pg_catalog.pg_notify('oriel_contract', $1)", 1,
                          &name) < 0 ||
                   pg_run(app->c, file_of(app)->path, "COMMIT", 0, NULL) < 0
               ? -1
               : 0;
}

/* What makes a promise about data that was not made before, or about other data. */
static bool promises(const struct contract_difference *d)
{
    static const char *const rules[] = {
        "contract_added", "definition_changed", "foreign_key_gained", "foreign_key_introduced", "foreign_key_moved",
        "key_changed",    "key_gained",         "not_null_gained",    "unique_gained"};
    for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
        if (strcmp(d->rule->name, rules[i]) == 0)
            return true;
    return false;
}

/* How long probes may take together. */
static long long probe_budget(PGconn *c)
{
    PGresult *r = pg_query(c, "looking at the change's locks",
                           "SELECT pg_catalog.max(pg_catalog.pg_relation_size(k.oid))"
                           " FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class k ON k.oid = l.relation"
                           " WHERE l.pid = pg_catalog.pg_backend_pid() AND l.mode = 'AccessExclusiveLock' AND "
                           "k.relkind IN ('r', 'p', 'm')",
                           0, NULL);
    bool locked = r && !PQgetisnull(r, 0, 0);
    bool large = locked && strtoll(PQgetvalue(r, 0, 0), NULL, 10) > LARGEST_LOCKED_TABLE;
    PQclear(r);
    return large ? 0 : locked ? LONGEST_LOCKED_PROBE_MS : LONGEST_PROBE_MS;
}

/* Holds new promises against the data. The change's locks are held meanwhile, so only for so long; prove sees all. */
static int probe_promises(const struct change_application *app, struct arena *a, const struct contract_set *now,
                          const struct contract_differences *d)
{
    struct contract_probe probe = {.c = app->c, .arena = a, .set = now, .budget = probe_budget(app->c)};
    const char *last = "";
    int result = 0;
    for (size_t i = 0; i < d->n; i++) {
        if (!promises(&d->list[i]) || strcmp(d->list[i].view, last) == 0)
            continue;
        last = d->list[i].view;
        enum contract_probe_outcome outcome = contract_probe(&probe, contract_find_view(now, last));
        result = outcome == PROBE_BROKEN || outcome == PROBE_FAILED ? -1 : result;
    }
    if (result < 0)
        log_error("%s: rolled back, since a contract would promise what does not hold; nothing was changed",
                  file_of(app)->path);
    return result;
}

struct applying {
    const struct change_application *app;
    struct arena *arena;
    struct contract_set lock;
};

/* Whether a contract phase that has not run here takes the view away: this database is older than the lock file, as
 * when all changes are replayed from nothing. */
static bool is_yet_to_go(const struct change_list *changes, const char *view)
{
    for (size_t i = 0; i < changes->n; i++) {
        const struct change_file *f = &changes->list[i].step[STEP_CONTRACT];
        if (f->sql && !f->applied_at && change_mentions(f, view))
            return true;
    }
    return false;
}

/* The names that the step may not bring back. */
static const char *const *retired_names(const struct applying *applying, const struct contract_set *before)
{
    const char *const *all = applying->lock.tombstones;
    size_t n = 0, kept = 0;
    while (all && all[n])
        n++;
    const char **names = arena_array(applying->arena, n + 1, sizeof *names);
    for (size_t i = 0; i < n; i++)
        if (!contract_find_view(before, all[i]) && !is_yet_to_go(applying->app->run->changes, all[i]))
            names[kept++] = all[i];
    return names;
}

static enum change_outcome try_once(void *context)
{
    const struct applying *applying = context;
    const struct change_application *app = applying->app;
    struct arena *a = applying->arena;
    struct contract_set before, now;
    struct contract_differences d;
    const struct change_file *f = file_of(app);
    const char *id = transaction_id(app->c, a);
    enum change_outcome outcome = *id ? read_contracts(&before, a, app->c) : CHANGE_FAILED;
    if (outcome == CHANGE_APPLIED && app->prepare)
        outcome = app->prepare(app, a);
    if (outcome == CHANGE_APPLIED)
        outcome = run_sql(app);
    if (outcome != CHANGE_APPLIED)
        return outcome;
    if (strcmp(id, transaction_id(app->c, a)) != 0) {
        log_error(
            "%s: ends its own transaction (BEGIN, COMMIT, ROLLBACK), so it cannot be applied as a whole or not at all; "
            "take that out, and look at what it has done already",
            f->path);
        return CHANGE_FAILED;
    }
    outcome = read_contracts(&now, a, app->c);
    if (outcome != CHANGE_APPLIED)
        return outcome;
    before.tombstones = retired_names(applying, &before);
    contract_compare(&d, a, &before, &now);
    if (contract_lint_references(&now, &before) < 0) {
        log_error("%s: rolled back, since a reference would lead nowhere; nothing was changed", f->path);
        return CHANGE_FAILED;
    }
    if (judge_all(app, a, &applying->lock, &d) < 0 || (app->probe && probe_promises(app, a, &now, &d) < 0) ||
        (app->look && app->look(app, a, &d) < 0) || finish(app) < 0)
        return CHANGE_FAILED;
    return CHANGE_APPLIED;
}

int change_apply(const struct change_application *app)
{
    struct arena a;
    struct applying applying = {.app = app, .arena = &a};
    arena_init(&a);
    bool readable =
        access(app->run->lock_path, F_OK) != 0 || contract_lock_load(&applying.lock, &a, app->run->lock_path) == 0;
    bool good = change_lint(file_of(app)) == 0 && readable && prepare_contracts(app->c) == 0;
    if (good) {
        good = change_retry(app->c, file_of(app)->path, &app->run->patience, try_once, &applying) == 0;
        forget_contracts(app->c);
    }
    arena_release(&a);
    return good ? 0 : -1;
}
