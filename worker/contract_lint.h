/*
 * What is wrong with a contract by itself, whatever it was before.
 */
#ifndef ORIEL_CONTRACT_LINT_H
#define ORIEL_CONTRACT_LINT_H

#include "lib/contract.h"
#include "lib/pg.h"

/* Tells every mistake of every contract; -1 when there was one. Pure but for the messages. */
int contract_lint(const struct contract_set *set) must_check;
/* Tells every declared foreign key that leads nowhere: to a contract that is not in the set, or to a column that it has
 * not. Those that led nowhere before are left out; before may be NULL. -1 when there was one. Pure but for messages. */
int contract_lint_references(const struct contract_set *set, const struct contract_set *before) must_check;
/*
 * Tells what the catalog knows of the views' text, and the set does not: a reference to a whole row, whose columns are
 * not named and may change in silence; a call of an SQL function whose body is a string, which Postgres does not look
 * into when something that it reads is changed. -1 when there was one, or when the catalog could not be read.
 */
int contract_lint_views(PGconn *c) must_check;

#endif
