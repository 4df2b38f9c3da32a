/*
 * The fill phase gives old rows what expand has added. It can be killed at any moment and goes on where it was. What it
 * does is said by the first line of fill.sql:
 *
 *     -- key: dp.product.id
 *     UPDATE dp.product SET price_cents = round(price * 100) WHERE id BETWEEN :lo AND :hi AND price_cents IS NULL;
 *
 * One statement, run over ranges of that table's key, each range in a transaction of its own that also records how far
 * it is. The statement takes its range from :lo to :hi, both included.
 *
 *     -- replay: product, vendor
 *
 * No statement: what is kept of these entities is cleaned anew, with today's entity files (worker/replay.h).
 */
#ifndef ORIEL_CHANGE_FILL_H
#define ORIEL_CHANGE_FILL_H

#include "worker/change.h"
#include "worker/domain.h"
#include "worker/throttle.h"

/* What fill.sql says. */
struct change_fill_file {
    const char *key;             /* "dp.product.id" */
    const char *sql;             /* the statement, with $1 and $2 for its range */
    const char *const *entities; /* to be replayed, NULL-terminated; NULL: none, it has a key and a statement */
};

/* Takes fill.sql apart; pure but for its message. -1 after it. */
int change_fill_parse(const struct change_file *f, struct arena *a, struct change_fill_file *out) must_check;

/* Each runs one kind to its end and records the step. -1 after a message; what is committed stays, and a further run
 * goes on. */
int change_fill_ranges(const struct change *change, const struct change_fill_file *file, PGconn *c, struct arena *a,
                       const struct throttle_options *options) must_check;
int change_fill_replay(const struct change *change, const struct change_fill_file *file, PGconn *c,
                       const struct domain *d, const struct throttle_options *options) must_check;

#endif
