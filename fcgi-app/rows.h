/*
 * The rows of an answer, written as they come: in one piece or one by one, as JSON or CSV. Pure.
 */
#ifndef ORIEL_ROWS_H
#define ORIEL_ROWS_H

#include "fcgi-app/json_row.h"

struct rows {
    const struct plan *plan;
    struct json_columns columns;
    struct json_forms forms;
    long long n;      /* that are answers */
    long long total;  /* that the first carried; -1 for none */
    const char *next; /* path and query of the next page, in the plan's arena; NULL where none is known */
    bool found;       /* the forms, and what begins the answer is written */
    bool misfit;      /* the result has not the columns of the plan; nothing of it is written */
};

/* p must stay. */
void rows_begin(struct rows *w, const struct plan *p);
/* Appends the rows of r, which may be none. */
void rows_put(struct rows *w, struct buf *b, const PGresult *r);
/* No row comes any more. At least one result was put. */
void rows_end(const struct rows *w, struct buf *b);

/* One row is the answer, not a list of them; of more, only the first is written. */
bool rows_is_single(const struct plan *p);

#endif
