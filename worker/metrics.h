/*
 * What responders count, from the text of their /metrics (Prometheus' exposition format 0.0.4). Pure.
 */
#ifndef ORIEL_METRICS_H
#define ORIEL_METRICS_H

#include "lib/mem.h"

struct metrics_requests {
    const char *entity;                   /* "" for requests that named no contract */
    int version;                          /* 0 then */
    unsigned long long answered, refused; /* all; of them those with a status from 400 on */
};

struct metrics {
    struct metrics_requests *list; /* in the order of the text */
    size_t n;
    size_t wrong_line; /* where reading failed, counted from 1 */
    const char *problem;
};

/* The requests by contract and version, over all statuses; other samples are passed over. Everything lives in a. -1
 * when it is no such text, or has no count of requests: problem says why, wrong_line where (0: nowhere in particular).
 */
int metrics_read(struct metrics *m, struct arena *a, const char *text) must_check;

#endif
