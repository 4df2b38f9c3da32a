#include "worker/change_retry.h"

#include <unistd.h>

#include "lib/log.h"
#include "lib/settings.h"

enum { TRIES = 30, FIRST_PAUSE_MS = 50, LONGEST_PAUSE_MS = 2000 };

const char change_begin_sql[] =
    "BEGIN; SET LOCAL ROLE " ROLE_OWNER "; SET LOCAL lock_timeout = '100ms'; SET LOCAL search_path = ''";

enum change_outcome change_outcome_of(const PGresult *r)
{
    ExecStatusType status = PQresultStatus(r);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY)
        return CHANGE_APPLIED;
    return strcmp(pg_sqlstate(r), "55P03") == 0 ? CHANGE_LOCKED : CHANGE_FAILED;
}

static void pause_before(int attempt)
{
    long ms = FIRST_PAUSE_MS;
    while (attempt-- > 1 && ms < LONGEST_PAUSE_MS)
        ms *= 2;
    ms = (ms < LONGEST_PAUSE_MS ? ms : LONGEST_PAUSE_MS) / 2 + random() % (ms / 2 + 1); /* jitter: half to all of it */
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

int change_retry(PGconn *c, const char *what, enum change_outcome (*once)(void *context), void *context)
{
    enum change_outcome outcome = CHANGE_LOCKED;
    srandom((unsigned)getpid());
    for (int i = 1; i <= TRIES && outcome == CHANGE_LOCKED; i++) {
        outcome = once(context);
        if (outcome != CHANGE_APPLIED && PQtransactionStatus(c) != PQTRANS_IDLE &&
            pg_run(c, "rolling back", "ROLLBACK", 0, NULL) < 0)
            outcome = CHANGE_FAILED;
        if (outcome == CHANGE_LOCKED && i < TRIES)
            pause_before(i);
    }
    if (outcome == CHANGE_LOCKED)
        log_error("%s: a lock that it needs was held through %d tries of 100 ms each; nothing was changed. What to do: "
                  "see in pg_stat_activity who holds a transaction open, and run it again",
                  what, TRIES);
    return outcome == CHANGE_APPLIED ? 0 : -1;
}
