/*
 * Validators of an answer (RFC 9110, section 8.8), by which a client that holds it learns that it still holds, without
 * being sent it again; and for how long a cache may give it out without asking. Pure.
 *
 * Where the data has a version, both are made of it before any row is read. The tag is a weak one then: rows that were
 * asked for without an order may come in another one. Last-Modified counts whole seconds, so it is only told when it is
 * some seconds old, and only the very same text counts as held.
 */
#ifndef ORIEL_VALIDATOR_H
#define ORIEL_VALIDATOR_H

#include "fcgi-app/data_version.h"
#include "fcgi-app/entity_tag.h"

struct validator {
    char tag[ENTITY_TAG_SIZE]; /* "" for none */
    const char *last_modified; /* within the version; NULL for none */
};

/* Of an answer to p, whose version is known. */
void validator_of_version(struct validator *v, const struct plan *p);
/* Might the client hold the answer already, so that it is worth asking for the version first? */
bool validator_asked(const struct plan *p);
/* Does it hold the answer of v, which is a good one? */
bool validator_matches(const struct validator *v, const struct plan *p);
/* ETag, Last-Modified, Cache-Control. */
void validator_headers(struct buf *head, const struct validator *v, const struct plan *p);

#endif
