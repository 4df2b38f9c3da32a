/*
 * The OpenAPI documents that are served at / and /v<N>/. Made once per lock file: what the database holds at the moment
 * changes nothing in them, since a contract that is withheld is still promised.
 */
#ifndef ORIEL_DOCUMENT_H
#define ORIEL_DOCUMENT_H

#include "lib/contract.h"
#include "lib/openapi.h"

struct document {
    int version; /* 0: all versions */
    const char *text;
    size_t length; /* bytes */
};

struct documents {
    const struct document *list; /* by version */
    size_t n;
};

/* One for all versions, and one for each. They live in a. */
void documents_make(struct documents *d, struct arena *a, const struct contract_set *lock, enum openapi_access access);
/* NULL when there is none of that version. */
const struct document *document_find(const struct documents *d, int version);

#endif
