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

/* Begins the transaction of one try: as the owner, without a search_path, with a short lock_timeout. */
extern const char change_begin_sql[];

/* What a statement's result means for the try that it belongs to; tells nothing. */
enum change_outcome change_outcome_of(const PGresult *r);

/*
 * Calls once until it is done or has failed, with growing pauses between; rolls back what a call leaves open. what: for
 * messages, the file or the thing. 0: applied; -1 after a message, nothing was changed.
 */
int change_retry(PGconn *c, const char *what, enum change_outcome (*once)(void *context), void *context) must_check;

#endif
