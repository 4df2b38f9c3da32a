/*
 * Parsing under way. Private to json_*.c.
 */
#ifndef ORIEL_JSON_WALK_H
#define ORIEL_JSON_WALK_H

#include "worker/json_read.h"

struct json_walk {
    const char *s;
    size_t n, at;
    struct arena *arena;
    struct json_node *nodes;
    uint32_t n_nodes, room;
    struct json_mistake *mistake;
};

/* Reads the string, number or word that begins at w->at. False, and the mistake, when it is none. */
bool json_token(struct json_walk *w, struct json_node *node) must_check;
/* Reads a string, whose quote stands at w->at. */
bool json_token_string(struct json_walk *w, struct json_node *node) must_check;
/* Whether no token from w->at on is broken; else the mistake is that one's. */
bool json_tokens_sound(struct json_walk *w) must_check;

bool json_fail(struct json_walk *w, enum json_soundness how, size_t at, const char *message);

/* A key's hash, for finding those that may be the same; of an escaped one it says nothing. */
static inline uint32_t json_key_hash(const char *s, size_t n)
{
    uint32_t first = 0, last = 0;
    if (n >= sizeof first) {
        memcpy(&first, s, sizeof first);
        memcpy(&last, s + n - sizeof last, sizeof last);
    } else if (n)
        first = (uint32_t)(unsigned char)s[0] << 16 | (uint32_t)(unsigned char)s[n / 2] << 8 | (unsigned char)s[n - 1];
    return (first * 0x9e3779b1u ^ last) * 0x85ebca6bu + (uint32_t)n;
}

/* Takes out, of the object that is the last thing parsed, what later members of the same name replace. */
void json_make_unique(struct json_walk *w, uint32_t object);

#endif
