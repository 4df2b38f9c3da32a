/*
 * The Prefer header (RFC 7240), with PostgREST's preferences.
 */
#ifndef ORIEL_PREFER_H
#define ORIEL_PREFER_H

#include "fcgi-app/plan.h"

struct prefer {
    enum plan_count count;
    const char *time_zone; /* NULL for none; has a name's form, but whether there is such a zone Postgres knows */
    const char *applied;   /* value of Preference-Applied; NULL when nothing was */
};

/* The first of several preferences of one name counts. -1 and PGRST122 when one is unknown and handling=strict, 22023
 * when the time zone is no name. */
int prefer_parse(struct prefer *p, struct arena *a, const char *header, struct api_error *error) must_check;

#endif
