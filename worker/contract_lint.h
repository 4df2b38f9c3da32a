/*
 * What is wrong with a contract by itself, whatever it was before.
 */
#ifndef ORIEL_CONTRACT_LINT_H
#define ORIEL_CONTRACT_LINT_H

#include "lib/contract.h"

/* Tells every mistake of every contract; -1 when there was one. Pure but for the messages. */
int contract_lint(const struct contract_set *set) must_check;

#endif
