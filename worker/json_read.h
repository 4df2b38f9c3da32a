/*
 * JSON of strangers, read strictly (RFC 8259), to a flat list of nodes in the order of the text: where each value
 * stands, not what it says. Texts are decoded when somebody asks for them, and numbers stay what was written.
 *
 * No library of Debian 12 for C does that: json-c and jansson build a tree, a malloc for each part, and turn numbers
 * into doubles and 64-bit integers; json-c lets NaN, lone surrogates and NUL in keys pass.
 *
 * Files: json_read.c structure, json_token.c strings, numbers and words, json_member.c keys that stand twice,
 * json_text.c the way back from nodes to text.
 */
#ifndef ORIEL_JSON_READ_H
#define ORIEL_JSON_READ_H

#include "lib/buf.h"
#include "lib/mem.h"

enum json_kind { JSON_NULL, JSON_TRUE, JSON_FALSE, JSON_NUMBER, JSON_STRING, JSON_OBJECT, JSON_ARRAY };

/*
 * A value, or the key of a member. Behind an object come its members, a key and a value each, behind an array its
 * elements. Invariant: no object has two keys that mean the same. Of those that do in the text the last one's value
 * stands in the place of the first, as in JavaScript and Postgres.
 */
struct json_node {
    uint32_t at, len; /* bytes of the text; of a string those between its quotes */
    uint32_t size;    /* nodes: this one and all that are within it */
    uint8_t kind;     /* enum json_kind; of a key JSON_STRING */
    bool escaped;     /* a string with escapes in it */
};

/* The first is the whole. */
struct json {
    const char *text; /* that was parsed; not a copy */
    const struct json_node *nodes;
    const struct json_node *near; /* for who looks for members of the whole one after the other: the last one's key */
};

enum json_soundness {
    JSON_SOUND,
    JSON_BROKEN,        /* not JSON */
    JSON_LONE_SURROGATE /* an escape that is half a character */
};

struct json_mistake {
    enum json_soundness kind;
    size_t at;           /* byte at which it begins */
    const char *message; /* what it is, for people */
};

/*
 * Parses n bytes of valid UTF-8, which hold one JSON object or array and nothing more, and must stay. What is made
 * lives in a. NULL, and *mistake, when they do not. A token that is none is told before anything that stands at a wrong
 * place, wherever both are.
 */
struct json *json_read(const char *s, size_t n, struct arena *a, struct json_mistake *mistake) must_check;

/* ---- going through ---- */

/* What is behind a node and all that is within it. */
static inline const struct json_node *json_behind(const struct json_node *node)
{
    return node + node->size;
}

/* The first element of an array or the first key of an object; at json_behind(node) they end. */
static inline const struct json_node *json_first(const struct json_node *node)
{
    return node + 1;
}

/* The key behind this one and its value. */
static inline const struct json_node *json_next_key(const struct json_node *key)
{
    return json_behind(key + 1);
}

/* The key of that name (n bytes, decoded); NULL when the object has none. It is looked for from `from` on, which may be
 * any of its keys or its end: who asks in the order of the text finds at once. */
const struct json_node *json_find_key(const struct json *json, const struct json_node *object,
                                      const struct json_node *from, const char *name, size_t n, struct arena *a);
/* The element of that number, written in n digits without leading zeros (RFC 6901, section 4); NULL when there is none.
 */
const struct json_node *json_element(const struct json_node *array, const char *digits, size_t n);

/* ---- back to text ---- */

/* A string or key, decoded: part of the parsed text where nothing in it was escaped, else made in a. May hold NUL
 * bytes; none stands behind it. */
const char *json_decode(const struct json *json, const struct json_node *node, struct arena *a, size_t *n);
/* The same with a NUL behind it, in a. For keys, which hold none. */
const char *json_name(const struct json *json, const struct json_node *key, struct arena *a);
/* A value's JSON text without space, keys and strings with the least of escapes, numbers as they were written. */
void json_put(struct buf *b, const struct json *json, const struct json_node *node);

#endif
