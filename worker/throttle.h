/*
 * Holds long work back while others suffer from it: standbys that have much left to replay, readers whose statements
 * become slow; and keeps it to the rate that was asked for. To be asked between the work's small transactions.
 *
 * Standbys: while one has more WAL left to replay than max_lag, the work waits, until it has no more than half of that.
 * What counts is bytes: Postgres' replay_lag, a time, does not grow while a standby's replay is paused.
 *
 * Readers: looked at are the statements of ROLE_READER that are under way in this database (how long have they been, on
 * the average; what a client takes long to fetch and what began before the work do not count) and how long one row by
 * its key takes in the work's own session. When either takes several times what it took before the work began, the work
 * makes pauses: as long as its last transaction took, then twice as long, and so on, up to a limit, so it never stands
 * still for readers. When both are quick again the pauses grow shorter, and end.
 */
#ifndef ORIEL_THROTTLE_H
#define ORIEL_THROTTLE_H

#include "lib/pg.h"
#include "worker/progress.h"

struct throttle_options {
    long long units_per_second; /* 0: as fast as readers and standbys allow */
    long long max_lag;          /* bytes of WAL */
};

struct throttle {
    PGconn *c;
    const struct throttle_options *options;
    const char *what;         /* "fill 0002-price-cents" */
    bool probes;              /* there is a row to be read by its key */
    double began, looked;     /* seconds of progress_clock() */
    double usual[2], slow[2]; /* seconds; of an enum suffering each: before the work, and smoothed, now */
    double share;             /* of the time that the work takes: as long is the pause behind it */
    double readers, standbys; /* seconds that were spent in pauses and waiting */
    bool told[2];             /* of each, that it makes pauses: once is enough */
};

/*
 * c is a session outside of any transaction, which stays the caller's; what and options must stay. probe: a statement
 * that reads one row by its key $1, prepared on c as "throttle_probe"; NULL when there is none. Looks for a moment at
 * what is usual, so nothing of the work may be under way yet. -1 after a message.
 */
int throttle_init(struct throttle *t, PGconn *c, const char *what, const struct throttle_options *options,
                  const char *probe, long long key) must_check;
/*
 * Waits as long as it takes. took: seconds of the transaction that was just done; units: all that this run has done;
 * key: of the row to probe. p: its bar is taken away before something is said.
 */
void throttle_wait(struct throttle *t, struct progress *p, double took, long long units, long long key);
/* Only keeps to the rate: behind the last transaction, when there is nothing left to hold back. */
void throttle_keep_rate(const struct throttle *t, long long units);
/* For the end: ", 1.2 s of it in pauses for readers, 3.4 s waiting for standbys"; "" when there was nothing. */
const char *throttle_summary(const struct throttle *t, char text[static 128]);

#endif
