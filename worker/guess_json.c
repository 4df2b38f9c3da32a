#include <json-c/json.h>

#include "worker/encoding.h"
#include "worker/guess.h"
#include "worker/guess_format.h"
#include "worker/json_read.h"

enum { DEEPEST = 4 /* objects around the records */ };

/* Takes the array with most objects; of as many, the first. */
static void search(struct guess_json *found, struct arena *a, json_object *value, const char *pointer, int depth)
{
    if (json_object_is_type(value, json_type_array)) {
        size_t n = json_object_array_length(value), objects = 0;
        for (size_t i = 0; i < n; i++)
            objects += json_object_is_type(json_object_array_get_idx(value, i), json_type_object) != 0;
        if (objects > found->records) {
            found->records = objects;
            found->pointer = pointer;
        }
        return;
    }
    if (!json_object_is_type(value, json_type_object) || depth >= DEEPEST)
        return;
    json_object_object_foreach(value, key, member)
    {
        search(found, a, member, arena_printf(a, "%s/%s", pointer, guess_step(key, a)), depth + 1);
    }
}

void guess_json(struct guess_json *out, struct arena *a, const char *encoding, const char *bytes, size_t n)
{
    struct json_mistake mistake;
    size_t length = n;
    const char *text = encoding_decode(encoding, a, bytes, n, &length);
    json_object *json = text ? json_read(text, length, a, &mistake) : NULL;
    *out = (struct guess_json){.sound = json != NULL};
    if (json)
        search(out, a, json, "", 0);
}
