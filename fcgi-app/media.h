/*
 * Which media type to answer with (RFC 9110, section 12.5.1).
 */
#ifndef ORIEL_MEDIA_H
#define ORIEL_MEDIA_H

#include "fcgi-app/plan.h"

/* Chooses by an Accept header: the greatest quality, then the most specific, then the first. -1 and PGRST107 when it
 * names nothing that can be given. */
int media_choose(const char *accept, struct arena *a, enum media *media, bool *strip_nulls,
                 struct api_error *error) must_check;
/* The same for a document: MEDIA_OPENAPI, or MEDIA_JSON where the header would rather have that. */
int media_choose_document(const char *accept, struct arena *a, enum media *media, struct api_error *error) must_check;

#endif
