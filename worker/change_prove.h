/*
 * The prove phase: what the fill should have done is shown, not assumed.
 */
#ifndef ORIEL_CHANGE_PROVE_H
#define ORIEL_CHANGE_PROVE_H

#include "worker/change.h"

/*
 * In one transaction, on one snapshot: runs prove.sql, whose queries must return no row (other statements, such as
 * VALIDATE CONSTRAINT, must succeed); then holds each contract that expand or contract names against the successor that
 * it declares: rows are matched by key, columns by name. Differences are printed with figures and examples. Then what
 * the contracts that expand names declare (keys, not-null, references) is held against the data. Records the step. -1
 * when something is not proven.
 */
int change_prove(const struct change *change, PGconn *c, struct arena *a) must_check;
/* The same inside the transaction that is open, whose locks keep writers away; records nothing. */
int change_prove_again(const struct change *change, PGconn *c, struct arena *a) must_check;

#endif
