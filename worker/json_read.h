/*
 * JSON of strangers, read strictly (RFC 8259), through json-c and round what it lets pass. Before a text goes to json-c
 * its tokens are looked at: json-c takes NaN for a number, saturates integers beyond 64 bits, turns a lone surrogate
 * into U+FFFD and cuts a key at \u0000. Structure (brackets, commas, colons) is left to json-c.
 */
#ifndef ORIEL_JSON_READ_H
#define ORIEL_JSON_READ_H

#include "lib/buf.h"
#include "lib/mem.h"

enum json_soundness {
    JSON_SOUND,
    JSON_BROKEN,        /* a token that RFC 8259 does not have */
    JSON_LONE_SURROGATE /* an escape that is half a character */
};

struct json_mistake {
    enum json_soundness kind;
    size_t at;           /* byte at which it begins */
    const char *message; /* what it is, for people */
};

/*
 * Looks at n bytes of valid UTF-8. patched is filled only when the text has long integers: it is then the text with
 * LONG_INTEGER_MARK (worker/document.h) behind each of them, and to be parsed in its place.
 */
bool json_scan(const char *s, size_t n, struct buf *patched, struct json_mistake *mistake) must_check;

struct json_object;

/* Parses n bytes of valid UTF-8, which hold one JSON object or array and nothing more. It is released with a. NULL, and
 * *mistake, when they do not. */
struct json_object *json_read(const char *s, size_t n, struct arena *a, struct json_mistake *mistake) must_check;

#endif
