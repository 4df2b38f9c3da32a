/*
 * The way out of a contract: brown-out, then contract. And the way back: revert.
 */
#ifndef ORIEL_CHANGE_REMOVAL_H
#define ORIEL_CHANGE_REMOVAL_H

#include "worker/change_apply.h"

/* What contract.sql would take away, found by a dry run. */
struct change_removal {
    const char *const *views; /* contracts; NULL-terminated */
    const char *tables; /* those whose rows or columns it touches, as LOCK TABLE takes them; "" when there is none */
};
/* -1 after messages. */
int change_removes(struct change_removal *removal, const struct change *change, PGconn *c, struct arena *a,
                   const struct change_run *run) must_check;

/*
 * Revokes the reader's grant on those contracts for so long and gives it back; records the step. Interrupted by
 * INT or TERM it gives back at once; killed, it has left its word in oriel.brownout, and brownout_restore() gives back.
 */
int change_brownout(const struct change *change, PGconn *c, struct arena *a, const struct change_run *run,
                    long long ms) must_check;
/* Gives back every grant whose brown-out should have ended: those of the past, or, with all, every one. Quiet when
 * there is none. Called by the worker now and then and by every `oriel change`. */
int brownout_restore(PGconn *c, bool all) must_check;

/*
 * Drops what nobody reads any more. Refuses, naming every reason at once, while the expand is not applied, the fill or
 * the proof is not done, the brown-out is not done, a sunset is not set or still ahead, a reader holds a lease (here,
 * or at a standby; one that cannot be asked counts as a reader), or the lock file that one would roll back to
 * (rollback, NULL for none) still has the contract. What was proven is proven again in the transaction that drops,
 * while nobody can write to the tables that it takes something from: what a worker of the release before wrote since
 * then would be lost with the old column.
 */
int change_contract(const struct change *change, PGconn *c, struct arena *a, const struct change_run *run,
                    const struct contract_set *rollback) must_check;

/* Undoes expand. Refuses while a reader holds a lease on what it would take away, and once contract has run. */
int change_revert(const struct change *change, PGconn *c, struct arena *a, const struct change_run *run) must_check;

#endif
