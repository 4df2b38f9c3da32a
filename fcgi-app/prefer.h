/*
 * The Prefer header (RFC 7240), with PostgREST's preferences.
 */
#ifndef ORIEL_PREFER_H
#define ORIEL_PREFER_H

#include "fcgi-app/plan.h"

struct prefer {
    bool count;          /* the total is wanted, exactly; a planned or estimated one is not given: it stays unknown */
    const char *applied; /* value of Preference-Applied; NULL when nothing was */
};

/* The first of several preferences of one name counts. -1 and PGRST122 when one is unknown and handling=strict. */
int prefer_parse(struct prefer *p, struct arena *a, const char *header, struct api_error *error) must_check;

#endif
