#include "worker/json_read.h"

#include <json-c/json.h>
#include <stdlib.h>

enum { DEEPEST = 64 };

static void put_json(void *object)
{
    json_object_put(object);
}

/* Made once: that takes as long as to parse a short record. */
static json_tokener *tokener(void)
{
    static json_tokener *tok;
    if (!tok && !(tok = json_tokener_new_ex(DEEPEST)))
        abort(); /* only for lack of memory */
    json_tokener_reset(tok);
    json_tokener_set_flags(tok, JSON_TOKENER_STRICT);
    return tok;
}

static json_object *parse(const char *s, size_t n, size_t *end, enum json_tokener_error *error)
{
    json_tokener *tok = tokener();
    json_object *json = json_tokener_parse_ex(tok, s, (int)n);
    *error = json_tokener_get_error(tok);
    *end = json_tokener_get_parse_end(tok);
    json_tokener_reset(tok); /* what it holds of a text that broke off */
    return json;
}

/* Parses what json_scan() found sound, of the text that mistakes are told about. */
static json_object *read_sound(const char *sound, size_t n_sound, size_t n, struct arena *a,
                               struct json_mistake *mistake)
{
    enum json_tokener_error error;
    size_t end;
    json_object *json = parse(sound, n_sound, &end, &error);
    if (json)
        arena_hook(a, put_json, json);
    *mistake = (struct json_mistake){.kind = JSON_BROKEN, .at = end < n ? end : n};
    if (error == json_tokener_success &&
        (json_object_is_type(json, json_type_object) || json_object_is_type(json, json_type_array)))
        return json;
    if (error == json_tokener_success)
        *mistake = (struct json_mistake){JSON_BROKEN, 0, "neither an object nor an array"};
    else
        mistake->message = error == json_tokener_continue ? "it ends too early" : json_tokener_error_desc(error);
    return NULL;
}

struct json_object *json_read(const char *s, size_t n, struct arena *a, struct json_mistake *mistake)
{
    struct buf patched;
    json_object *json = NULL;
    buf_init(&patched, n * 2 + 2);
    if (json_scan(s, n, &patched, mistake))
        json = patched.len ? read_sound(patched.data, patched.len, n, a, mistake) : read_sound(s, n, n, a, mistake);
    buf_release(&patched);
    return json;
}
