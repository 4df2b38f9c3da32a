/*
 * Key-set pages: where the order of a list ends in the contract's key, no two rows are equal in it, so a page can begin
 * behind the last row of the page before it instead of at a number of rows: an index leads there, however deep it is,
 * and rows that come and go in between move no other. Pure.
 */
#ifndef ORIEL_KEYSET_H
#define ORIEL_KEYSET_H

#include "fcgi-app/ast.h"
#include "fcgi-app/plan.h"
#include "fcgi-app/range.h"

struct keyset_term {
    const struct contract_column *column;
    bool descending, nulls_first;
    bool nullable; /* the contract does not say that it is never null */
};

struct keyset {
    struct keyset_term *terms; /* up to the one that completes the key: what comes behind it decides nothing */
    size_t n;
    const char *order;  /* a fingerprint of contract and terms */
    const char **after; /* a value for each term, NULL for null: rows behind these. NULL: from the first on */
};

/* Ends the order in the key where rows of a list may be cut: each page is then the same each time, and begins where the
 * one before it ended. For a contract without a key, and for aggregates, nothing is done. */
void keyset_complete_order(struct ast *ast, struct arena *a, const struct range *range);

/*
 * k: of the ast, whose order is complete; k->n is 0 where the order cannot be followed by pages: without a key, of
 * aggregates, by a path into JSON, by an embed's column. after: the query's, NULL for none. -1 and PGRST100 where it is
 * no cursor of this order.
 */
int keyset_make(struct keyset *k, struct arena *a, const struct ast *ast, const char *after,
                struct api_error *error) must_check;

/* What leads to the next page, but for its cursor, which stands at the end: the request without its own cursor and
 * offset. limit: what stands there instead of the query's; -1 leaves that as it is. */
const char *keyset_next(struct arena *a, const struct request *r, long long limit);

#endif
