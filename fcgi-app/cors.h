/*
 * Which pages of other origins a browser may let read the answers (the Fetch standard, section 3.3, "CORS protocol").
 * Without origins in the configuration nothing is said, and browsers keep to pages of this origin. No answer depends on
 * cookies, so none are asked for. Pure.
 */
#ifndef ORIEL_CORS_H
#define ORIEL_CORS_H

#include "lib/buf.h"
#include "lib/mem.h"

struct request;

/* What is said to one request. All zero: nothing. */
struct cors {
    const char *allow_origin;  /* "*", or the request's own when it is in the list; NULL for none */
    bool varies;               /* the answer to another origin may be another */
    bool preflight;            /* the request only asks, and is allowed: nothing is to be read for it */
    const char *allow_headers; /* of a preflight */
};

/* An origin as a browser writes it: "https://app.example", "http://localhost:3000"; "*" stands for all. */
bool cors_is_origin(const char *s);
/* origins: of the configuration, NULL-terminated. c's strings live in a, or are the request's. */
void cors_decide(struct cors *c, struct arena *a, const char *const *origins, const struct request *r);
void cors_headers(struct buf *head, const struct cors *c);

#endif
