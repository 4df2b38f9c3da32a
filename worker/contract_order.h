/*
 * Whether an index gives the order of a contract's key, which is the order of its pages. The planner is asked, since it
 * alone sees through a view.
 */
#ifndef ORIEL_CONTRACT_ORDER_H
#define ORIEL_CONTRACT_ORDER_H

#include "lib/contract.h"
#include "worker/change_retry.h"

/* Sets sort_index of each contract that has a key; of one that cannot be planned it stays unknown. Leaves the
 * transaction, where one is open, as it was. */
enum change_outcome contract_order_read(struct contract_set *set, PGconn *c) must_check;

#endif
