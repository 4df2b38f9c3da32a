#include "worker/position.h"

#include <json-c/json.h>

#include "lib/buf.h"
#include "worker/json_read.h"

enum { LONGEST = 1 << 20 };

static const char *member(const struct json_object *json, const char *key)
{
    json_object *value;
    return json_object_object_get_ex(json, key, &value) ? json_object_get_string(value) : NULL;
}

static void parse_part(struct position *p, const struct json_object *json)
{
    json_object *part, *offset, *records;
    if (!json_object_object_get_ex(json, "part", &part) || !json_object_object_get_ex(part, "offset", &offset))
        return;
    p->sha256 = member(part, "sha256");
    p->offset = json_object_get_uint64(offset);
    p->records = json_object_object_get_ex(part, "records", &records) ? json_object_get_int64(records) : 0;
}

void position_parse(struct position *p, struct arena *a, const char *of, const char *text)
{
    struct json_mistake mistake;
    json_object *json = text ? json_read(text, strlen(text), a, &mistake) : NULL, *at;
    *p = (struct position){.of = of};
    if (!json || !json_object_is_type(json, json_type_object) || !member(json, "of") ||
        strcmp(member(json, "of"), of) != 0)
        return;
    if (json_object_object_get_ex(json, "at", &at))
        p->at = arena_strdup(a, json_object_to_json_string_ext(at, JSON_C_TO_STRING_PLAIN));
    parse_part(p, json);
}

const char *position_text(const struct position *p, struct arena *a)
{
    struct buf b;
    buf_init(&b, LONGEST);
    buf_puts(&b, "{\"of\":");
    buf_json_string(&b, p->of, strlen(p->of));
    buf_printf(&b, ",\"at\":%s", p->at ? p->at : "null");
    if (p->sha256)
        buf_printf(&b, ",\"part\":{\"sha256\":\"%s\",\"offset\":%llu,\"records\":%lld}", p->sha256,
                   (unsigned long long)p->offset, p->records);
    buf_putc(&b, '}');
    const char *text = arena_memdup(a, buf_str(&b), b.len);
    buf_release(&b);
    return text;
}
