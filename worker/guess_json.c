#include "worker/encoding.h"
#include "worker/guess.h"
#include "worker/guess_format.h"
#include "worker/json_read.h"

enum { DEEPEST = 4 /* objects around the records */ };

/* Takes the array with most objects; of as many, the first. */
static void search(struct guess_json *found, struct arena *a, const struct json *json, const struct json_node *value,
                   const char *pointer, int depth)
{
    const struct json_node *end = json_behind(value);
    if (value->kind == JSON_ARRAY) {
        size_t objects = 0;
        for (const struct json_node *e = json_first(value); e < end; e = json_behind(e))
            objects += e->kind == JSON_OBJECT;
        if (objects > found->records) {
            found->records = objects;
            found->pointer = pointer;
        }
        return;
    }
    if (value->kind != JSON_OBJECT || depth >= DEEPEST)
        return;
    for (const struct json_node *key = json_first(value); key < end; key = json_next_key(key)) {
        const char *step = guess_step(json_name(json, key, a), a);
        search(found, a, json, key + 1, arena_printf(a, "%s/%s", pointer, step), depth + 1);
    }
}

void guess_json(struct guess_json *out, struct arena *a, const char *encoding, const char *bytes, size_t n)
{
    struct json_mistake mistake;
    size_t length = n;
    const char *text = encoding_decode(encoding, a, bytes, n, &length);
    struct json *json = text ? json_read(text, length, a, &mistake) : NULL;
    *out = (struct guess_json){.sound = json != NULL};
    if (json)
        search(out, a, json, json->nodes, "", 0);
}
