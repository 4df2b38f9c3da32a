#include "worker/contract_order.h"

#include "lib/settings.h"
#include "worker/quote.h"

/* Whatever is dear enough is not chosen where there is a way without it. */
static const char settings[] = "SET LOCAL enable_sort = off; SET LOCAL enable_incremental_sort = off;"
                               " SET LOCAL enable_seqscan = off;"
                               " SET LOCAL enable_bitmapscan = off; SET LOCAL max_parallel_workers_per_gather = 0";
static const char doing[] = "asking the planner for the order of keys";

static void put_keys(struct buf *b, const struct contract *k)
{
    for (size_t i = 0; k->key[i]; i++) {
        buf_puts(b, i ? ", " : "");
        quote_identifier(b, k->key[i]);
    }
}

/* A Merge Append has a sort key too, but only merges what the indexes of the parts give. */
static bool is_sort(const char *line)
{
    line += strspn(line, " ->");
    return strcmp(line, "Sort") == 0 || strcmp(line, "Incremental Sort") == 0;
}

static enum contract_sort_index sort_index_of(const PGresult *plan)
{
    for (int i = 0; i < PQntuples(plan); i++)
        if (is_sort(PQgetvalue(plan, i, 0)))
            return SORT_INDEX_MISSING;
    return SORT_INDEX_THERE;
}

static enum change_outcome ask(struct contract *k, PGconn *c)
{
    struct buf sql;
    buf_init(&sql, 1 << 16);
    buf_puts(&sql, "EXPLAIN (COSTS off) SELECT ");
    put_keys(&sql, k);
    buf_puts(&sql, " FROM " SCHEMA_API ".");
    quote_identifier(&sql, k->view);
    buf_puts(&sql, " ORDER BY ");
    put_keys(&sql, k);
    PGresult *plan = PQexec(c, buf_str(&sql));
    enum change_outcome outcome = change_outcome_of(plan);
    if (outcome == CHANGE_APPLIED)
        k->sort_index = sort_index_of(plan);
    PQclear(plan);
    buf_release(&sql);
    return outcome;
}

/* A view that cannot be planned tells so elsewhere, and does not keep the others from being asked for. The savepoint is
 * made once: readers wait meanwhile, and there may be hundreds of contracts. */
static enum change_outcome ask_all(struct contract_set *set, PGconn *c)
{
    enum change_outcome outcome = CHANGE_APPLIED;
    for (size_t i = 0; i < set->n; i++) {
        struct contract *k = &set->contracts[i];
        if (k->problem || !*k->key)
            continue;
        outcome = ask(k, c);
        if (outcome == CHANGE_LOCKED)
            break;
        if (outcome == CHANGE_FAILED && (pg_run(c, doing, "ROLLBACK TO SAVEPOINT contract_order", 0, NULL) < 0 ||
                                         pg_run(c, doing, settings, 0, NULL) < 0))
            return CHANGE_FAILED;
        outcome = CHANGE_APPLIED;
    }
    return outcome;
}

enum change_outcome contract_order_read(struct contract_set *set, PGconn *c)
{
    bool own = PQtransactionStatus(c) == PQTRANS_IDLE;
    if ((own && pg_run(c, doing, "BEGIN", 0, NULL) < 0) || pg_run(c, doing, "SAVEPOINT contract_order", 0, NULL) < 0 ||
        pg_run(c, doing, settings, 0, NULL) < 0)
        return CHANGE_FAILED;
    enum change_outcome outcome = ask_all(set, c);
    if (pg_run(c, doing, "ROLLBACK TO SAVEPOINT contract_order; RELEASE SAVEPOINT contract_order", 0, NULL) < 0 ||
        (own && pg_run(c, doing, "ROLLBACK", 0, NULL) < 0))
        return CHANGE_FAILED;
    return outcome;
}
