/*
 * json_read() against json-c, which reads the same language but for what is named here. For the unit test and the
 * fuzzer.
 */
#ifndef ORIEL_JSON_PEER_H
#define ORIEL_JSON_PEER_H

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "worker/json_read.h"

static bool json_peer_same(const struct json *json, const struct json_node *node, json_object *peer, struct arena *a);

/* json-c saturates what 64 bits do not hold, and knows no -0. */
static bool json_peer_same_number(const char *literal, size_t n, json_object *peer)
{
    const char *text = json_object_get_string(peer);
    bool integer = json_object_is_type(peer, json_type_int);
    return (n == strlen(text) && memcmp(literal, text, n) == 0) ||
           (integer && (n >= 19 || (n == 2 && memcmp(literal, "-0", 2) == 0)));
}

static bool json_peer_same_members(const struct json *json, const struct json_node *object, json_object *peer,
                                   struct arena *a)
{
    const struct json_node *key = json_first(object), *end = json_behind(object);
    json_object_object_foreach(peer, name, value)
    {
        size_t n;
        const char *own = key < end ? json_decode(json, key, a, &n) : NULL;
        if (!own || n != strlen(name) || memcmp(own, name, n) != 0 || !json_peer_same(json, key + 1, value, a) ||
            json_find_key(json, object, key, name, n, a) != key)
            return false;
        key = json_next_key(key);
    }
    return key == end;
}

static bool json_peer_same_elements(const struct json *json, const struct json_node *array, json_object *peer,
                                    struct arena *a)
{
    const struct json_node *element = json_first(array), *end = json_behind(array);
    for (size_t i = 0; i < json_object_array_length(peer); i++, element = json_behind(element))
        if (element >= end || !json_peer_same(json, element, json_object_array_get_idx(peer, i), a))
            return false;
    return element == end;
}

static bool json_peer_same(const struct json *json, const struct json_node *node, json_object *peer, struct arena *a)
{
    size_t n;
    switch ((enum json_kind)node->kind) {
    case JSON_NULL:
        return !peer;
    case JSON_TRUE:
    case JSON_FALSE:
        return json_object_is_type(peer, json_type_boolean) &&
               json_object_get_boolean(peer) == (node->kind == JSON_TRUE);
    case JSON_NUMBER:
        return (json_object_is_type(peer, json_type_int) || json_object_is_type(peer, json_type_double)) &&
               json_peer_same_number(json->text + node->at, node->len, peer);
    case JSON_STRING:
        if (!json_object_is_type(peer, json_type_string))
            return false;
        const char *own = json_decode(json, node, a, &n);
        return n == (size_t)json_object_get_string_len(peer) && memcmp(own, json_object_get_string(peer), n) == 0;
    case JSON_OBJECT:
        return json_object_is_type(peer, json_type_object) && json_peer_same_members(json, node, peer, a);
    case JSON_ARRAY:
        return json_object_is_type(peer, json_type_array) && json_peer_same_elements(json, node, peer, a);
    }
    return false;
}

/* Tokens that RFC 8259 does not have and json-c takes; it may also take what begins well and breaks off so. */
static bool json_peer_is_lax(const struct json_mistake *mistake)
{
    static const char *const structure[] = {"unexpected character",
                                            "nesting too deep",
                                            "it ends too early",
                                            "quoted object property name expected",
                                            "object property name separator ':' expected",
                                            "object value separator ',' expected",
                                            "array value separator ',' expected",
                                            "neither an object nor an array"};
    for (size_t i = 0; i < ARRAY_SIZE(structure); i++)
        if (strcmp(mistake->message, structure[i]) == 0)
            return false;
    return true;
}

/* Whether both take n bytes of UTF-8, and find the same, or neither does. */
static bool json_peer_agrees(const char *s, size_t n)
{
    enum { DEEPEST = 64 };
    struct arena a;
    struct json_mistake mistake = {0};
    arena_init(&a);
    json_tokener *tok = json_tokener_new_ex(DEEPEST);
    json_tokener_set_flags(tok, JSON_TOKENER_STRICT);
    json_object *peer = json_tokener_parse_ex(tok, s, (int)n);
    bool taken = json_tokener_get_error(tok) == json_tokener_success &&
                 (json_object_is_type(peer, json_type_object) || json_object_is_type(peer, json_type_array));
    struct json *json = json_read(s, n, &a, &mistake);
    bool agrees = json ? taken && json_peer_same(json, json->nodes, peer, &a)
                       : mistake.at <= n && (!taken || json_peer_is_lax(&mistake));
    json_object_put(peer);
    json_tokener_free(tok);
    arena_release(&a);
    return agrees;
}

#endif
