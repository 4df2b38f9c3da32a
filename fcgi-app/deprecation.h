/*
 * What a response tells of the end of its contract, so that clients that still read it notice while it is served. Pure.
 */
#ifndef ORIEL_DEPRECATION_H
#define ORIEL_DEPRECATION_H

#include "fcgi-app/plan.h"

/*
 * Sets c's end_headers and successor_link, in a. The headers, with their ends of lines: "Deprecation: true"; "Sunset",
 * the day's first second as an HTTP-date (RFC 8594). RFC 9745 would have the moment of the deprecation as Deprecation's
 * value; a contract declares that it is deprecated, not since when, so the value is that of the drafts before it, which
 * clients know, and no moment is made up. The link, a value of "Link" (RFC 8288): rel="successor-version" (RFC 5829).
 */
void deprecation_prepare(struct api_contract *c, struct arena *a);
/* Appends "Link" where there is one to tell: to the successor, and with rel="next" to the next page of the list; NULL
 * for none. */
void deprecation_link(struct buf *head, const char *successor_link, const char *next);

#endif
