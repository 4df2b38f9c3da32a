#include "worker/json_read.h"
#include "worker/record.h"

void ndjson_parse(const char *text, size_t n, struct arena *a, struct record *out)
{
    struct json_mistake mistake;
    struct json *json = json_read(text, n, a, &mistake);
    if (json && json->nodes->kind == JSON_OBJECT)
        out->document.json = json;
    else if (json)
        record_problem(out, a, REASON_MALFORMED, "json", text, n, 0, "a record has to be an object");
    else
        record_problem(out, a, mistake.kind == JSON_LONE_SURROGATE ? REASON_BAD_ENCODING : REASON_MALFORMED, "json",
                       text, n, mistake.at,
                       arena_printf(a, "not valid JSON at byte %zu: %s", mistake.at, mistake.message));
}
