/*
 * The plan: what an expand would do, shown by doing it in a transaction that is rolled back.
 */
#ifndef ORIEL_CHANGE_PLAN_H
#define ORIEL_CHANGE_PLAN_H

#include "worker/change_apply.h"

/* Prints statements, the locks they took, the contracts' differences and the readers of each contract that differs. */
int change_plan(const struct change *change, PGconn *c, const struct change_run *run) must_check;

#endif
