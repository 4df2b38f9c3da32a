/*
 * Percent-encoding (RFC 3986, section 2.1) of paths and queries.
 */
#ifndef ORIEL_URL_H
#define ORIEL_URL_H

#include "lib/buf.h"
#include "lib/mem.h"

/* Decodes n bytes; with plus, "+" is a blank. A "%" that no two hexadecimal digits follow stands for itself. NULL when
 * the result is not UTF-8 or holds a NUL, which no text in Postgres can be. */
const char *url_decode(struct arena *a, const char *s, size_t n, bool plus);

struct url_pair {
    const char *key, *value; /* decoded; NULL when they cannot be */
};

/* The pairs of a query in their order; what has no "=" is left out. */
struct url_pair *url_query(struct arena *a, const char *query, size_t *n);

/* s with every byte that may not stand in a header's value or a URI percent-encoded. */
const char *url_safe(struct arena *a, const char *s);
/* Appends s as one segment of a path: all but the unreserved characters (RFC 3986, section 2.3) percent-encoded. */
void url_put_segment(struct buf *b, const char *s, size_t n);

#endif
