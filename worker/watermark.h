/*
 * Where in a client's database a source stands (a position's `at`, as JSON). Pure.
 *
 * Which rows are new? A transaction over there may commit late: its rows have older watermarks than rows that were read
 * already. So each pull first makes a mark, in one statement: the snapshot (which transactions are over) and the
 * highest watermark in it. What a pull cannot see yet was written by transactions from the snapshot's xmin on. They
 * began after each mark whose xmax is not beyond that xmin, so their watermarks are not below that mark's: there the
 * next pull begins. `overlap` goes back further by so much, for transactions that took their watermark before they
 * first wrote, and before the very first mark. Rows that come again and are unchanged cost no write, and a run that is
 * as it was the last time is not stored. No clock of ours is asked.
 */
#ifndef ORIEL_WATERMARK_H
#define ORIEL_WATERMARK_H

#include "lib/mem.h"

enum { MOST_MARKS = 16 };

struct watermark_mark {
    const char *xmax, *watermark;
};

struct watermark_place {
    struct watermark_mark marks[MOST_MARKS]; /* oldest first */
    size_t n_marks;
    bool settled; /* the next pull may begin at the first mark; else nothing is known of what it could not see */
    /* of the pull that is under way: NULL before its first run was stored */
    const char *xmin, *xmax, *high; /* its mark; high is NULL where there was no row */
    const char *watermark, *key;    /* of the last row that was stored */
    const char *runs;               /* of the last pull, each as the digits of a hash */
};

/* at: NULL, or no place at all, gives the beginning. Everything lives in a. */
void watermark_parse(struct watermark_place *p, struct arena *a, const char *at);
/* The other way. NULL when it would be too large. */
const char *watermark_text(const struct watermark_place *p, struct arena *a);
/* The place of the next pull, behind the one under way. */
struct watermark_place watermark_behind(const struct watermark_place *p);
/* The watermark at which a pull begins; NULL: at the beginning. overlap: "" for none. */
const char *watermark_begin(const struct watermark_place *p, const char *overlap);

#endif
