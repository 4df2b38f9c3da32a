/*
 * The OpenAPI documents that are served at / and /v<N>/. What the database holds at the moment changes nothing in them,
 * since a contract that is withheld is still promised; so each is made once, when it is asked for first: made at the
 * start, a hundred contracts would cost most of the time until the first answer.
 */
#ifndef ORIEL_DOCUMENT_H
#define ORIEL_DOCUMENT_H

#include "lib/contract.h"
#include "lib/openapi.h"

struct document {
    int version;      /* 0: all versions */
    const char *text; /* NULL until it is made */
    size_t length;    /* bytes */
};

struct documents {
    const struct contract_set *lock;
    enum openapi_access access;
    struct arena arena;
    struct document *list; /* by version: one for all, and one for each */
    size_t n;
};

/* lock must live as long. */
void documents_init(struct documents *d, const struct contract_set *lock, enum openapi_access access);
void documents_release(struct documents *d);
/* With its text. NULL when there is none of that version. It lives as long as d. */
const struct document *document_find(struct documents *d, int version);

#endif
