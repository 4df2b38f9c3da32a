#include "worker/json_walk.h"

enum {
    DEEPEST = 64,
    FIRST_NODES = 64,
    FEW = 32 /* members of an object whose keys are compared one by one */
};

/* Something sound stands at a wrong place. What is not even sound behind it goes before. */
static bool misplaced(struct json_walk *w, const char *message)
{
    struct json_mistake mistake = {JSON_BROKEN, w->at, w->at < w->n ? message : "it ends too early"};
    if (json_tokens_sound(w))
        *w->mistake = mistake;
    return false;
}

static char skip_space(struct json_walk *w)
{
    while (w->at < w->n) {
        char c = w->s[w->at];
        if (c != ' ' && c != '\t' && c != '\r' && c != '\n')
            return c;
        w->at++;
    }
    return 0;
}

static struct json_node *add(struct json_walk *w)
{
    if (w->n_nodes == w->room) {
        struct json_node *more = arena_array(w->arena, w->room * (size_t)2, sizeof *more);
        memcpy(more, w->nodes, w->n_nodes * sizeof *more);
        w->nodes = more;
        w->room *= 2;
    }
    return &w->nodes[w->n_nodes++];
}

static bool read_value(struct json_walk *w, int depth);

/* A key at w->at, and the colon behind it. */
static bool read_key(struct json_walk *w, char c)
{
    if (c != '"')
        return misplaced(w, "quoted object property name expected");
    if (!json_token_string(w, add(w)))
        return false;
    if (skip_space(w) != ':')
        return misplaced(w, "object property name separator ':' expected");
    w->at++;
    return true;
}

static bool read_members(struct json_walk *w, int depth, uint32_t object)
{
    uint32_t hashes[FEW];
    size_t n = 0;
    bool suspect = false;
    char c = skip_space(w);
    if (c != '}')
        for (;; c = skip_space(w)) {
            uint32_t key = w->n_nodes;
            if (n && c == '}')
                return misplaced(w, "unexpected character");
            if (!read_key(w, c))
                return false;
            const struct json_node *k = &w->nodes[key];
            uint32_t hash = json_key_hash(w->s + k->at, k->len);
            suspect = suspect || k->escaped || n >= FEW;
            for (size_t i = 0; !suspect && i < n; i++)
                suspect = hashes[i] == hash;
            if (n < FEW)
                hashes[n++] = hash;
            if (!read_value(w, depth))
                return false;
            c = skip_space(w);
            if (c == '}')
                break;
            if (c != ',')
                return misplaced(w, "object value separator ',' expected");
            w->at++;
        }
    w->at++;
    if (suspect)
        json_make_unique(w, object);
    return true;
}

static bool read_elements(struct json_walk *w, int depth)
{
    if (skip_space(w) != ']')
        for (;;) {
            if (!read_value(w, depth))
                return false;
            char c = skip_space(w);
            if (c == ']')
                break;
            if (c != ',')
                return misplaced(w, "array value separator ',' expected");
            w->at++;
        }
    w->at++;
    return true;
}

static bool read_value(struct json_walk *w, int depth)
{
    char c = skip_space(w);
    uint32_t node = w->n_nodes;
    switch (c) {
    case 0: /* the end, or a NUL byte, which is no token */
    case ',':
    case ':':
    case '}':
    case ']':
        return misplaced(w, "unexpected character");
    default:
        break;
    }
    if (depth == DEEPEST)
        return misplaced(w, "nesting too deep");
    if (c != '{' && c != '[')
        return json_token(w, add(w));
    *add(w) = (struct json_node){(uint32_t)w->at, 0, 1, c == '{' ? JSON_OBJECT : JSON_ARRAY, false};
    w->at++;
    if (!(c == '{' ? read_members(w, depth + 1, node) : read_elements(w, depth + 1)))
        return false;
    w->nodes[node].size = w->n_nodes - node;
    w->nodes[node].len = (uint32_t)w->at - w->nodes[node].at;
    return true;
}

struct json *json_read(const char *s, size_t n, struct arena *a, struct json_mistake *mistake)
{
    struct json_walk w = {.s = s, .n = n, .arena = a, .room = FIRST_NODES, .mistake = mistake};
    if (n > INT32_MAX) {
        *mistake = (struct json_mistake){JSON_BROKEN, 0, "longer than 2 GiB"};
        return NULL;
    }
    w.nodes = arena_array(a, w.room, sizeof *w.nodes);
    if (!read_value(&w, 0))
        return NULL;
    if (skip_space(&w) || w.at < n) {
        (void)misplaced(&w, "unexpected character");
        return NULL;
    }
    if (w.nodes->kind != JSON_OBJECT && w.nodes->kind != JSON_ARRAY) {
        (void)json_fail(&w, JSON_BROKEN, 0, "neither an object nor an array");
        return NULL;
    }
    struct json *json = arena_alloc(a, sizeof *json);
    *json = (struct json){s, w.nodes, json_first(w.nodes)};
    return json;
}
