#include "worker/change_retry.h"

#include <unistd.h>

#include "lib/log.h"
#include "lib/settings.h"
#include "worker/progress.h"

enum { TRIES = 30, FIRST_PAUSE_MS = 50, LONGEST_PAUSE_MS = 2000 };

const struct change_patience change_usual_patience = {.lock_timeout_ms = 100, .deadline_ms = 60000};

enum change_outcome change_outcome_of(const PGresult *r)
{
    ExecStatusType status = PQresultStatus(r);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY)
        return CHANGE_APPLIED;
    return strcmp(pg_sqlstate(r), "55P03") == 0 ? CHANGE_LOCKED : CHANGE_FAILED;
}

/* In milliseconds: half to all of a time that doubles. */
static long pause_after(int attempt)
{
    long ms = FIRST_PAUSE_MS;
    while (attempt-- > 1 && ms < LONGEST_PAUSE_MS)
        ms *= 2;
    ms = ms < LONGEST_PAUSE_MS ? ms : LONGEST_PAUSE_MS;
    return ms / 2 + random() % (ms / 2 + 1);
}

static int begin(PGconn *c, const char *what, const struct change_patience *patience)
{
    char sql[160];
    snprintf(sql, sizeof sql,
             "BEGIN; SET LOCAL ROLE " ROLE_OWNER "; SET LOCAL lock_timeout = '%lldms'; SET LOCAL search_path = ''",
             patience->lock_timeout_ms);
    return pg_run(c, what, sql, 0, NULL);
}

int change_retry(PGconn *c, const char *what, const struct change_patience *patience,
                 enum change_outcome (*once)(void *context), void *context)
{
    enum change_outcome outcome = CHANGE_LOCKED;
    double began = progress_clock(), passed = 0;
    int tries = 0;
    srandom((unsigned)getpid());
    for (;;) {
        tries++;
        outcome = begin(c, what, patience) == 0 ? once(context) : CHANGE_FAILED;
        if (outcome != CHANGE_APPLIED && PQtransactionStatus(c) != PQTRANS_IDLE &&
            pg_run(c, "rolling back", "ROLLBACK", 0, NULL) < 0)
            outcome = CHANGE_FAILED;
        long ms = pause_after(tries);
        passed = progress_clock() - began;
        if (outcome != CHANGE_LOCKED || tries == TRIES || passed * 1000 + (double)ms > (double)patience->deadline_ms)
            break;
        nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
    }
    if (outcome == CHANGE_LOCKED)
        log_error("%s: a lock that it needs was held through %d tries of %lld ms each, in %.1f s; nothing was changed. "
                  "What to do: see in pg_stat_activity who holds a transaction open, and run it again",
                  what, tries, patience->lock_timeout_ms, passed);
    return outcome == CHANGE_APPLIED ? 0 : -1;
}
