#include "worker/cfg_value.h"

#include <json-c/json.h>

#include "worker/json_read.h"

struct document cfg_document(const struct cfg *c, struct arena *a)
{
    struct json_mistake mistake;
    const char *text = json_object_to_json_string_ext(c->value, JSON_C_TO_STRING_PLAIN);
    const char *list = arena_printf(a, "[%s]", text);
    struct json *whole = json_read(list, strlen(list), a, &mistake);
    struct json *json = arena_alloc(a, sizeof *json);
    if (!whole) /* json-c has written what it has read */
        abort();
    *json = (struct json){list, json_first(whole->nodes), json_first(json_first(whole->nodes))};
    return (struct document){.json = json};
}

struct value cfg_value(const struct cfg *c, struct arena *a)
{
    struct document d = cfg_document(c, a);
    return document_value(d.json, d.json->nodes, a);
}
