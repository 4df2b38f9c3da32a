/*
 * Which rows of the result are asked for.
 */
#ifndef ORIEL_RANGE_H
#define ORIEL_RANGE_H

#include "fcgi-app/plan.h"

struct range {
    long long offset; /* of the first row; never negative */
    long long limit;  /* rows; -1 for all */
    bool asked;       /* the request named a range, so the rows are a page of several */
};

/*
 * limit and offset are the query's (NULL when absent; what is no integer counts as absent); header is Range's value
 * ("0-24", "25-"; others count as absent). They intersect. max_rows cuts the result, 0 does not. -1 and PGRST103 when
 * nothing is left that could be served, but limit=0 is allowed.
 */
int range_make(struct range *r, const char *limit, const char *offset, const char *header, long long max_rows,
               struct api_error *error) must_check;

#endif
