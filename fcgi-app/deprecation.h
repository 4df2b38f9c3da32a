/*
 * What a response tells of the end of its contract, so that clients that still read it notice while it is served. Pure.
 */
#ifndef ORIEL_DEPRECATION_H
#define ORIEL_DEPRECATION_H

#include "lib/contract.h"

/*
 * Appends what applies to c: "Deprecation: true"; "Sunset", the day's first second as an HTTP-date (RFC 8594); "Link"
 * with rel="successor-version" (RFC 5829). RFC 9745 would have the moment of the deprecation as Deprecation's value;
 * a contract declares that it is deprecated, not since when, so the value is that of the drafts before it, which
 * clients know, and no moment is made up.
 */
void deprecation_headers(struct buf *head, const struct contract *c);

#endif
