/*
 * From a path to the contract, or the document, that it names.
 */
#ifndef ORIEL_ROUTE_H
#define ORIEL_ROUTE_H

#include "fcgi-app/plan.h"

struct route {
    const struct api_contract *target; /* NULL where a document is meant */
    const struct document *document;   /* of / and /v<N>/ */
    const char *key;                   /* of one row, decoded; NULL for all rows */
    const char *profile;               /* Content-Profile, where Accept-Profile chose the version; NULL otherwise */
};

/* -1 and PGRST125, PGRST205 or PGRST106 when nothing is there. */
int route_find(struct route *route, struct arena *a, const struct api *api, const struct request *r,
               struct api_error *error) must_check;

#endif
