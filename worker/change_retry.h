/*
 * DDL beside running readers: a statement that waits for a lock makes every later reader of that table wait behind it,
 * so waits are short, and what was not had is tried again later, a capped number of times; there is no last try without
 * a limit.
 */
#ifndef ORIEL_CHANGE_RETRY_H
#define ORIEL_CHANGE_RETRY_H

#include "lib/pg.h"

enum change_outcome {
    CHANGE_APPLIED,
    CHANGE_LOCKED, /* a lock was not to be had in time: to be tried again */
    CHANGE_FAILED  /* told */
};

/* How long a lock is waited for: by one try, and so by readers behind it; and by all tries, from the first one's begin.
 */
struct change_patience {
    long long lock_timeout_ms, deadline_ms; /* both above 0 */
};
extern const struct change_patience change_usual_patience; /* 100 ms, one minute */

/* What a statement's result means for the try that it belongs to; tells nothing. */
enum change_outcome change_outcome_of(const PGresult *r);

/*
 * Begins a transaction as the owner, without a search_path, with the lock_timeout, and calls once, until that is done
 * or has failed; with growing pauses between, and no longer than the deadline; rolls back what a call leaves open.
 * what: for messages, the file or the thing. 0: applied; -1 after a message, nothing was changed.
 */
int change_retry(PGconn *c, const char *what, const struct change_patience *patience,
                 enum change_outcome (*once)(void *context), void *context) must_check;

#endif
