/* Finding values: JSON Pointers, names, columns. */
#include "t/unit/tap.h"
#include "worker/json_read.h"
#include "worker/document.h"

static const char *describe(struct arena *a, struct value v)
{
    static const char *const kinds[] = {"absent", "null", "string", "number", "boolean", "object", "array"};
    return v.text ? arena_printf(a, "%s %.*s", kinds[v.kind], (int)v.len, v.text) : kinds[v.kind];
}

static void test_json(struct arena *a)
{
    static const char json[] =
        "{\"a\":\"x\",\"b\":{\"c\":[10,{\"d\":true}],\"\":2},\"m/n\":3,\"m~n\":4,\"~1\":5,\"e\":null,"
        "\"big\":-1234567890123456789,\"real\":1.10,\"a\":\"last\",\"#1\":6,\"\":7}";
    static const struct {
        const char *from, *found;
    } rows[] = {
        {"/a", "string last"},
        {"a", "string last"},
        {"/b/c/0", "number 10"},
        {"/b/c/1/d", "boolean true"},
        {"/b/c", "array [10,{\"d\":true}]"},
        {"/b/c/1", "object {\"d\":true}"},
        {"/b/c/2", "absent"},
        {"/b/c/-", "absent"},
        {"/b/c/00", "absent"},
        {"/b/c/-1", "absent"},
        {"/b/c/x", "absent"},
        {"/a/b", "absent"},
        {"/e", "null"},
        {"/e/f", "absent"},
        {"/nosuch", "absent"},
        {"/m~1n", "number 3"},
        {"/m~0n", "number 4"},
        {"/~01", "number 5"},
        {"/b/", "number 2"},
        {"/", "number 7"},
        {"b/c", "absent"},
        {"/big", "number -1234567890123456789"},
        {"/real", "number 1.10"},
        {"#1", "number 6"},
    };
    struct json_mistake mistake;
    struct document d = {.json = json_read(json, sizeof json - 1, a, &mistake)};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        is(describe(a, document_find(&d, a, rows[i].from)), rows[i].found, rows[i].from);
}

static void test_csv(struct arena *a)
{
    static const char *const names[] = {"id", "", "a/b", "name", "name", "x~y"};
    static const struct value cells[] = {{VALUE_STRING, "1", 1}, {VALUE_STRING, "2", 1}, {VALUE_STRING, "3", 1},
                                         {VALUE_STRING, "4", 1}, {VALUE_STRING, "", 0},  {VALUE_STRING, "6", 1}};
    static const struct {
        const char *from, *found;
    } rows[] = {
        {"id", "string 1"}, {"/id", "string 1"}, {"#2", "string 2"},    {"#7", "absent"},   {"#0", "absent"},
        {"#x", "absent"},   {"a/b", "string 3"}, {"/a~1b", "string 3"}, {"/a/b", "absent"}, {"name", "string 4"},
        {"#5", "string "},  {"x~y", "string 6"}, {"/x~0y", "string 6"}, {"Id", "absent"},   {"zzz", "absent"},
    };
    struct document d = {.header = header_make(a, names, ARRAY_SIZE(names)), .cells = cells};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        is(describe(a, document_find(&d, a, rows[i].from)), rows[i].found, rows[i].from);
    const struct header bare = {.n = 2};
    d.header = &bare;
    is(describe(a, document_find(&d, a, "#2")), "string 2", "a CSV without header has numbers");
    is(describe(a, document_find(&d, a, "id")), "absent", "and no names");
    d = (struct document){0};
    is(describe(a, document_find(&d, a, "id")), "absent", "an empty document has nothing");
}

/* What json-c would let pass. */
static void test_strictness(struct arena *a)
{
    static const struct {
        const char *json, *message;
        enum json_soundness kind;
    } bad[] = {
        {"{\"a\":NaN}", "neither a string", JSON_BROKEN},
        {"{\"a\":-Infinity}", "a number that", JSON_BROKEN},
        {"{\"a\":True}", "neither a string", JSON_BROKEN},
        {"{\"a\":01}", "a number that", JSON_BROKEN},
        {"{\"a\":1.}", "a number that", JSON_BROKEN},
        {"{\"a\":.5}", "neither a string", JSON_BROKEN},
        {"{\"a\":1e}", "a number that", JSON_BROKEN},
        {"{\"a\":+1}", "neither a string", JSON_BROKEN},
        {"{\"a\":'x'}", "neither a string", JSON_BROKEN},
        {"{a:1}", "neither a string", JSON_BROKEN},
        {"{\"a\":1,}", "unexpected", JSON_BROKEN},
        {"{\"a\":1} x", "neither a string", JSON_BROKEN},
        {"{\"a\":1}{}", "unexpected", JSON_BROKEN},
        {"{\"a\":1", "too early", JSON_BROKEN},
        {"{\"a\":\"x", "does not end", JSON_BROKEN},
        {"{\"a\":\"\t\"}", "control character", JSON_BROKEN},
        {"{\"a\":\"\\x41\"}", "escape", JSON_BROKEN},
        {"{\"a\":\"\\u12g4\"}", "four hex", JSON_BROKEN},
        {"{\"a\":\"\\", "escape", JSON_BROKEN},
        {"{\"a\":\"\\u00\"}", "four hex", JSON_BROKEN},
        {"{\"a\\u0000b\":1}", "a key with", JSON_BROKEN},
        {"{\"a\":/**/1}", "neither a string", JSON_BROKEN},
        {"{\"a\":\"\\ud800\"}", "surrogate", JSON_LONE_SURROGATE},
        {"{\"a\":\"\\udc00\"}", "surrogate", JSON_LONE_SURROGATE},
        {"{\"a\":\"\\ud800\\u0041\"}", "surrogate", JSON_LONE_SURROGATE},
        {"{\"\\udfff\":1}", "surrogate", JSON_LONE_SURROGATE},
        {"1", "", JSON_BROKEN},
        {"\"x\"", "neither an object", JSON_BROKEN},
        {"", "too early", JSON_BROKEN},
        {"{\"a\" 1}", "expected", JSON_BROKEN},
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct json_mistake mistake = {0};
        bool read = json_read(bad[i].json, strlen(bad[i].json), a, &mistake);
        ok(!read && mistake.kind == bad[i].kind && strstr(mistake.message, bad[i].message), "%s: %s at %zu",
           bad[i].json, read ? "was taken" : mistake.message, mistake.at);
    }
    struct json_mistake mistake;
    char deep[200];
    memset(deep, '[', sizeof deep);
    ok(!json_read(deep, sizeof deep, a, &mistake), "depth has its limit");
    ok(!json_read("{\"a\":1}\0", 8, a, &mistake), "a NUL byte behind it is garbage");
    ok(json_read(" {\"a\":\"\\u0000\"}\r ", 17, a, &mistake), "white space around it is not");
}

int main(void)
{
    struct arena a;
    arena_init(&a);
    test_json(&a);
    test_csv(&a);
    test_strictness(&a);
    arena_release(&a);
    return tap_done();
}
