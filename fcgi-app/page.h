/*
 * What came back for a page of rows: how many there are, and how many there would be without limit and offset. Pure.
 */
#ifndef ORIEL_PAGE_H
#define ORIEL_PAGE_H

#include <libpq-fe.h>

#include "fcgi-app/plan.h"

struct page {
    int rows;        /* of the result that are answers */
    long long total; /* -1 when unknown */
    bool exact;      /* the total was counted, or follows from the rows */
};

/* r: the rows of p. estimate: the result of p's estimate_sql, NULL when there is none. */
struct page page_of(const struct plan *p, const PGresult *r, const PGresult *estimate);

/* The planner's number of rows in the result of an EXPLAIN (FORMAT JSON); -1 when it holds none. */
long long page_estimate(const PGresult *estimate);

#endif
