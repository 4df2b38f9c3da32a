/*
 * The fill phase: one statement, run over ranges of a table's key, each range in a transaction of its own that also
 * records how far it is. It can be killed at any moment and goes on where it was.
 *
 * fill.sql begins with a line that names the key, and its statement takes the range from :lo to :hi, both included:
 *
 *     -- key: dp.product.id
 *     UPDATE dp.product SET price_cents = round(price * 100) WHERE id BETWEEN :lo AND :hi AND price_cents IS NULL;
 */
#ifndef ORIEL_CHANGE_FILL_H
#define ORIEL_CHANGE_FILL_H

#include "worker/change.h"

struct fill_options {
    long long rows_per_second; /* 0: as fast as readers and standbys allow */
};

/* Runs it to its end and records the step. -1 after a message; what is committed stays, and a further run goes on. */
int change_fill(const struct change *change, PGconn *c, struct arena *a, const struct fill_options *options) must_check;
/* Takes fill.sql apart; pure. *key gets "dp.product.id", *sql the statement with $1 and $2. -1 after a message. */
int change_fill_parse(const struct change_file *f, struct arena *a, const char **key, const char **sql) must_check;

#endif
