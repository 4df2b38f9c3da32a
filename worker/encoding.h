/*
 * From the encoding that a source declares to UTF-8. Fences iconv in.
 */
#ifndef ORIEL_ENCODING_H
#define ORIEL_ENCODING_H

#include "lib/mem.h"

/*
 * Why records cannot be read in that encoding, as a sentence; NULL when they can. They can when iconv knows it and
 * every ASCII character is one byte of the same value in it: line ends and delimiters are looked for in the bytes.
 */
const char *encoding_problem(const char *encoding);

bool encoding_is_utf8(const char *encoding);

/*
 * The bytes as UTF-8: themselves when that is what they are, else a copy in a; *len gets the length. NULL when they do
 * not decode; *len is then the offset of the first byte that does not.
 */
const char *encoding_decode(const char *encoding, struct arena *a, const char *bytes, size_t n, size_t *len) must_check;

#endif
