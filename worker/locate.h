/*
 * Where in a record's text a field's value stands, for people who look at it. Pure.
 */
#ifndef ORIEL_LOCATE_H
#define ORIEL_LOCATE_H

#include "worker/reader.h"

struct span {
    size_t at, len; /* bytes of the text */
};

/* The value at `from` (see document.h) in n bytes of UTF-8, a record of this format that can be parsed; a text with its
 * quotes. False when there is no such place. header may be NULL: columns go by number. */
bool locate_value(const struct format *f, const struct header *header, const char *text, size_t n, const char *from,
                  struct arena *a, struct span *out);

#endif
