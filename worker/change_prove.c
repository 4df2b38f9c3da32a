#include "worker/change_prove.h"

#include "lib/contract.h"
#include "lib/log.h"
#include "worker/change_lint.h"
#include "worker/contract_probe.h"
#include "worker/quote.h"

enum { EXAMPLES = 3 };

/* The rows that a query of prove.sql returned though it should have returned none. */
static void tell_rows(const char *path, int query, const PGresult *r)
{
    struct buf b;
    buf_init(&b, 4096);
    for (int i = 0; i < PQntuples(r) && i < EXAMPLES; i++) {
        buf_puts(&b, "\n");
        for (int k = 0; k < PQnfields(r); k++)
            buf_printf(&b, "%s%s=%s", k ? " " : "", PQfname(r, k), PQgetisnull(r, i, k) ? "null" : PQgetvalue(r, i, k));
    }
    log_error("%s: query %d returned %d rows where it should return none; the first:%s", path, query, PQntuples(r),
              buf_str(&b));
    buf_release(&b);
}

/* Runs all statements of the file, and looks at each result. */
static int run_queries(const struct change_file *f, PGconn *c)
{
    int result = 0, query = 0;
    if (!PQsendQuery(c, f->sql)) {
        pg_tell_failure(c, NULL, f->path);
        return -1;
    }
    for (PGresult *r; (r = change_next_result(c)); PQclear(r)) {
        query++;
        if (PQresultStatus(r) == PGRES_TUPLES_OK) {
            if (PQntuples(r) > 0) {
                tell_rows(f->path, query, r);
                result = -1;
            }
        } else if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_EMPTY_QUERY) {
            change_tell_failure(f, (size_t)query - 1, c, r);
            result = -1;
        }
    }
    return result;
}

/*
 * One statement over both views, joined in full by the older one's key: how many keys only one of them has, how often a
 * key stands twice, and for each column of the same name how many values differ and how many are null on one side only.
 */
static const char *comparison_sql(struct arena *a, const struct contract *old, const struct contract *new)
{
    struct buf b;
    const char *join = "", *keys = "";
    for (size_t i = 0; old->key[i]; i++) {
        const char *k = quote_name(a, old->key[i]);
        join = arena_printf(a, "%s%so.%s = n.%s", join, i ? " AND " : "", k, k);
        keys = arena_printf(a, "%s%s%s", keys, i ? ", " : "", k);
    }
    const char *first = quote_name(a, old->key[0]);
    buf_init(&b, 1 << 20);
    buf_printf(&b,
               "SELECT count(*) FILTER (WHERE n.%s IS NULL), count(*) FILTER (WHERE o.%s IS NULL),"
               " (SELECT count(*) FROM (SELECT FROM api.%s GROUP BY %s HAVING count(*) > 1) d)",
               first, first, quote_name(a, new->view), keys);
    for (size_t i = 0; i < old->n_columns; i++) {
        const char *q = quote_name(a, old->columns[i].name);
        if (!contract_find_column(new, old->columns[i].name))
            continue;
        buf_printf(&b,
                   ", count(*) FILTER (WHERE o.%s IS NOT NULL AND n.%s IS NOT NULL AND o.%s::text IS DISTINCT FROM "
                   "n.%s::text)",
                   first, first, q, q);
        buf_printf(
            &b, ", count(*) FILTER (WHERE o.%s IS NOT NULL AND n.%s IS NOT NULL AND (o.%s IS NULL) <> (n.%s IS NULL))",
            first, first, q, q);
    }
    buf_printf(&b, " FROM api.%s o FULL JOIN api.%s n ON %s", quote_name(a, old->view), quote_name(a, new->view), join);
    const char *sql = arena_strdup(a, buf_str(&b));
    buf_release(&b);
    return sql;
}

static int expect_none(const struct contract *old, const struct contract *new, const char *count, const char *what,
                       const char *column)
{
    if (strcmp(count, "0") == 0)
        return 0;
    log_error("%s against %s: %s %s%s%s", old->view, new->view, count, what, column ? " " : "", column ? column : "");
    return -1;
}

static int compare_views(PGconn *c, struct arena *a, const struct contract *old, const struct contract *new)
{
    char doing[256];
    snprintf(doing, sizeof doing, "holding %s against %s", old->view, new->view);
    for (size_t i = 0; old->key[i]; i++)
        if (!contract_find_column(new, old->key[i])) {
            log_error("%s: the successor lacks the key column \"%s\", so rows cannot be matched", doing, old->key[i]);
            return -1;
        }
    PGresult *r = pg_query(c, doing, comparison_sql(a, old, new), 0, NULL);
    if (!r)
        return -1;
    int result = expect_none(old, new, PQgetvalue(r, 0, 0), "keys are lost", NULL) |
                 expect_none(old, new, PQgetvalue(r, 0, 1), "keys are gained", NULL) |
                 expect_none(old, new, PQgetvalue(r, 0, 2), "keys stand more than once", NULL);
    int at = 3;
    for (size_t i = 0; i < old->n_columns; i++) {
        const char *name = old->columns[i].name;
        if (!contract_find_column(new, name))
            continue;
        result |= expect_none(old, new, PQgetvalue(r, 0, at), "values differ in column", name) |
                  expect_none(old, new, PQgetvalue(r, 0, at + 1), "values are null on one side only in column", name);
        at += 2;
    }
    PQclear(r);
    if (result == 0)
        printf("%s and %s agree in every key and in each of %d columns that both have\n", old->view, new->view,
               (at - 3) / 2);
    return result;
}

/* Whether the change publishes the contract, alters it or takes it away. */
static bool concerns(const struct change *change, const struct contract *k)
{
    const struct change_file *expand = &change->step[STEP_EXPAND], *contract = &change->step[STEP_CONTRACT];
    return change_mentions(expand, k->view) || (contract->sql && change_mentions(contract, k->view));
}

static int compare_successors(const struct change *change, PGconn *c, struct arena *a)
{
    struct contract_set set;
    int result = 0;
    if (contract_catalog_read(&set, a, c) < 0)
        return -1;
    for (size_t i = 0; i < set.n; i++) {
        const struct contract *old = &set.contracts[i];
        const struct contract *new = old->successor ? contract_find_view(&set, old->successor) : NULL;
        if (new && * old->key && (concerns(change, old) || concerns(change, new)))
            result |= compare_views(c, a, old, new);
    }
    return result;
}

int change_prove_again(const struct change *change, PGconn *c, struct arena *a)
{
    const struct change_file *f = &change->step[STEP_PROVE];
    return (f->sql && run_queries(f, c) < 0) || compare_successors(change, c, a) < 0 ? -1 : 0;
}

/* Each contract that the change names: what its comment declares must hold of the data. */
static int probe_published(const struct change *change, PGconn *c, struct arena *a)
{
    struct contract_set set;
    enum contract_probe_outcome worst = PROBE_HOLDS;
    if (contract_catalog_read(&set, a, c) < 0)
        return -1;
    for (size_t i = 0; i < set.n && worst != PROBE_FAILED; i++) {
        struct contract_probe probe = {.c = c, .arena = a, .set = &set, .budget = -1};
        if (!change_mentions(&change->step[STEP_EXPAND], set.contracts[i].view))
            continue;
        enum contract_probe_outcome outcome = contract_probe(&probe, &set.contracts[i]);
        worst = outcome > worst ? outcome : worst;
    }
    return worst == PROBE_HOLDS ? 0 : -1;
}

int change_prove(const struct change *change, PGconn *c, struct arena *a)
{
    const struct change_file *f = &change->step[STEP_PROVE];
    if (f->sql && change_lint_transaction(f) < 0)
        return -1;
    if (pg_run(c, f->path,
               "BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL ROLE oriel_owner; SET LOCAL lock_timeout = '100ms';"
               " SET LOCAL statement_timeout = 0",
               /* a proof takes as long as there are rows */ 0, NULL) < 0)
        return -1;
    bool good = change_prove_again(change, c, a) == 0 && probe_published(change, c, a) == 0 &&
                change_record(c, change, STEP_PROVE) == 0;
    if (pg_run(c, f->path, good ? "COMMIT" : "ROLLBACK", 0, NULL) < 0 || !good) {
        log_error("%s is not proven", change->name);
        return -1;
    }
    printf("proved %s\n", change->name);
    return 0;
}
