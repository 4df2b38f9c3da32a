/*
 * What came back for a page of rows: how many there are, and how many there would be without limit and offset. Pure.
 */
#ifndef ORIEL_PAGE_H
#define ORIEL_PAGE_H

#include <libpq-fe.h>

#include "fcgi-app/plan.h"

struct page {
    long long rows;  /* of the result that are answers */
    long long total; /* -1 when unknown */
    bool exact;      /* the total was counted, or follows from the rows */
};

/* rows, counted: of the rows of p; counted is what page_counted() gave. estimate: the result of p's estimate_sql, NULL
 * when there is none. */
struct page page_of(const struct plan *p, long long rows, long long counted, const PGresult *estimate);
/* The same when the rows have only begun to come and n of them are there. rows is -1 when it cannot be known. */
struct page page_begun(const struct plan *p, long long n, long long counted, const PGresult *estimate);
/* Does the page have all rows that there are? */
bool page_is_all(const struct plan *p, const struct page *page);

/* Is it known that no row follows? */
bool page_is_last(const struct plan *p, const struct page *page);

/* The total that the first of p's rows carries; -1 when it carries none. *here: false when that row stands for an empty
 * page. */
long long page_counted(const struct plan *p, const PGresult *first, bool *here);

/* The planner's number of rows in the result of an EXPLAIN (FORMAT JSON); -1 when it holds none. */
long long page_estimate(const PGresult *estimate);

#endif
