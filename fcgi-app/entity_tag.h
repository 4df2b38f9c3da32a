/*
 * Entity tags (RFC 9110, section 8.8.3), by which a client that holds an answer learns that it still holds, without
 * being sent it again. A tag is made of the answer itself, so it is right whatever the rows came from: tables that
 * nobody counts the changes of, the clock, embedded relations. Pure.
 */
#ifndef ORIEL_ENTITY_TAG_H
#define ORIEL_ENTITY_TAG_H

#include "lib/buf.h"

enum { ENTITY_TAG_SIZE = 35 }; /* quotes, 32 hexadecimal digits, NUL */

/* The tag of a body of some media type. total: of the rows, which is told beside the body; -1 when it is not. */
void entity_tag_make(char tag[ENTITY_TAG_SIZE], const struct buf *body, const char *media_type, long long total);
/* Does a header If-None-Match ("*", or tags with or without "W/") name the tag? Section 13.1.2: weakly compared, since
 * a web server that compresses an answer makes its tag a weak one. */
bool entity_tag_matches(const char *if_none_match, const char *tag);

#endif
