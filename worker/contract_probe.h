/*
 * What Postgres cannot know of a view is declared in its comment, and held against the data here: @notNull, @primaryKey
 * and @unique must hold. That a @foreignKey leads to a row which its target shows is no promise, since a view may hide
 * what others refer to; where it does not, that is told as a warning, and changes no outcome.
 */
#ifndef ORIEL_CONTRACT_PROBE_H
#define ORIEL_CONTRACT_PROBE_H

#include "lib/contract.h"

enum contract_probe_outcome {
    PROBE_HOLDS,
    PROBE_LATE,   /* not all was seen in the time that there was */
    PROBE_BROKEN, /* told: rule, contract, column, how many rows, and the keys of some */
    PROBE_FAILED  /* told: Postgres could not be asked */
};

struct contract_probe {
    PGconn *c; /* with a transaction open, which is left as it was */
    struct arena *arena;
    const struct contract_set *set; /* where the targets of foreign keys are looked up */
    long long budget;               /* milliseconds for all; it is counted down. -1: whatever it takes */
};

/* Probes all that one contract declares; one that cannot be read, or whose comment cannot, is passed over. */
enum contract_probe_outcome contract_probe(struct contract_probe *p, const struct contract *k) must_check;

#endif
