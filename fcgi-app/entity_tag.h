/*
 * Entity tags (RFC 9110, section 8.8.3). One is made of the version of the data, where that is known; otherwise of the
 * answer itself, so that it is right whatever the rows came from: tables that nobody counts the changes of, the clock.
 * Pure.
 */
#ifndef ORIEL_ENTITY_TAG_H
#define ORIEL_ENTITY_TAG_H

#include "lib/buf.h"

enum { ENTITY_TAG_SIZE = 37 }; /* "W/", quotes, 32 hexadecimal digits, NUL */

/* The tag of a body of some media type. total: of the rows, which is told beside the body; -1 when it is not.
 * next: the link to the next page, NULL for none. */
void entity_tag_make(char tag[ENTITY_TAG_SIZE], const struct buf *body, const char *media_type, long long total,
                     const char *next);
/* The weak tag of an answer of this shape (plan.h) to data of this version. */
void entity_tag_of_version(char tag[ENTITY_TAG_SIZE], const char *version, const char *shape);
/* Does a header If-None-Match ("*", or tags with or without "W/") name the tag? Section 13.1.2: weakly compared, since
 * a web server that compresses an answer makes its tag a weak one. */
bool entity_tag_matches(const char *if_none_match, const char *tag);

#endif
