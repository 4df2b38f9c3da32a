/*
 * Long work shows itself: a bar on a terminal, a line now and then elsewhere.
 */
#ifndef ORIEL_PROGRESS_H
#define ORIEL_PROGRESS_H

#include "lib/base.h"

struct progress {
    const char *what; /* "fill 0002-price-cents" */
    const char *unit; /* "rows" */
    bool terminal;
    double started, shown; /* seconds of the monotonic clock */
    bool drawn;            /* a bar stands on the terminal */
};

double progress_clock(void); /* seconds of the monotonic clock */
void progress_start(struct progress *p, const char *what, const char *unit);
/* share: what is done of the whole, 0 to 1; units: done in this run, for the rate. Draws at most ten times a second on
 * a terminal, and every ten seconds elsewhere. */
void progress_show(struct progress *p, double share, long long units);
/* Takes the bar away again. */
void progress_end(struct progress *p);

#endif
