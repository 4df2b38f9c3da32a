/*
 * The worker remembers of the rows that it has stored what they said (known.h), so that records which say the same
 * again do not reach Postgres. This is where it finds out whether that still holds.
 *
 * - What is known is what this connection has committed while it had the leader's lock; it goes with the connection.
 * - Everybody else who writes into a table is noted by a trigger (oriel.foreign_write), within his transaction, and the
 *   next batch forgets everything. So does one that finds a table rewritten or its trigger gone. Who writes at the very
 *   same time may have come before or after the batch, as without all this.
 * - Rows that Postgres did not take as they came are not known.
 *
 * A record is wrongly taken for unchanged when another content has the same 64 bits of XXH3, whose seed is random: once
 * in 2^64 changed records.
 */
#ifndef ORIEL_WATCH_H
#define ORIEL_WATCH_H

#include "worker/relation.h"
#include "worker/rows.h"

struct watched;
struct watch_note;

struct watch {
    const struct entity_set *set;
    size_t n;                 /* set->n, which stays when the set is gone */
    struct watched *list;     /* per entity file; NULL: nothing is known and nothing watched */
    const char *const *names; /* parameters: schemas and tables of the entity files, as arrays */
    struct watch_note *notes; /* what the transaction at hand makes known, or has forgotten */
    size_t n_notes, room;
};

void watch_init(struct watch *w); /* allocates nothing */
void watch_release(struct watch *w);

/* Begins to watch the tables, with triggers where there are none yet. Everything but what is known lives in a.
 * -1: s->failure says why. */
int watch_begin(struct watch *w, struct arena *a, struct session *s, const struct entity_set *set,
                const struct relation *relations) must_check;
/* In each transaction, before the rest: forgets what may have changed. -1: s->failure says why. */
int watch_look(struct watch *w, struct session *s) must_check;

/* Sets in `out` the places of rows of entity file i that stand in the table as they are. Returns how many. */
size_t watch_find_known(const struct watch *w, size_t i, const struct rows *rows, bool *out);
/* The rows were merged: all of them taken as they came, or not. It counts when the transaction is committed. */
void watch_merged(struct watch *w, size_t i, const struct rows *rows, bool taken);
/* Rows of entity file i were written otherwise. */
void watch_forget(struct watch *w, size_t i);
void watch_transaction_ended(struct watch *w, bool committed);

#endif
