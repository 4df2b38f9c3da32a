/*
 * What a response tells of the end of its contract, so that clients that still read it notice while it is served. Pure.
 */
#ifndef ORIEL_DEPRECATION_H
#define ORIEL_DEPRECATION_H

#include "lib/contract.h"

/*
 * Appends what applies to c: "Deprecation: true"; "Sunset", the day's first second as an HTTP-date (RFC 8594).
 * RFC 9745 would have the moment of the deprecation as Deprecation's value;
 * a contract declares that it is deprecated, not since when, so the value is that of the drafts before it, which
 * clients know, and no moment is made up.
 */
void deprecation_headers(struct buf *head, const struct contract *c);
/* Appends "Link" (RFC 8288) where there is one to tell: with rel="successor-version" (RFC 5829) to c's successor, with
 * rel="next" to the next page of the list; NULL for none. */
void deprecation_link(struct buf *head, const struct contract *c, const char *next);

#endif
