/*
 * What only the text of a change shows: Postgres writes out a `*` when it makes a view, so the catalog has lost it; and
 * it does not say on which line a statement stands that fails when it is run.
 */
#ifndef ORIEL_CHANGE_LINT_H
#define ORIEL_CHANGE_LINT_H

#include "worker/change.h"

/* Tells each place where a view of the contracts' schema takes columns that it does not name (`*`, `t.*`, `TABLE t`),
 * with its line. -1 when there was one. Pure but for the messages. */
int change_lint(const struct change_file *f) must_check;
/* Tells each statement that would begin or end a transaction of its own, with its line. -1 when there was one;
 * change_lint() looks for these too. Pure but for the messages. */
int change_lint_transaction(const struct change_file *f) must_check;
/* The line on which the file's nth statement begins, from 0; 0 when it has not so many. Pure. */
int change_line_of_statement(const struct change_file *f, size_t n) must_check;
/* Whether the file's SQL names this, quoted or not, anywhere outside of comments and texts. Pure. */
bool change_mentions(const struct change_file *f, const char *name) must_check;

#endif
