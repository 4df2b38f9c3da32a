/*
 * Where a field's value stands in a record's text.
 */
#include "t/unit/tap.h"
#include "worker/locate.h"

static struct arena a;

/* The value's text; NULL when there is none. */
static const char *found(const struct format *f, const struct header *h, const char *text, const char *from)
{
    struct span span;
    return locate_value(f, h, text, strlen(text), from, &a, &span) ? arena_memdup(&a, text + span.at, span.len) : NULL;
}

static void test_json(void)
{
    static const struct format ndjson = {.kind = FORMAT_NDJSON};
    static const char text[] =
        " {\"id\" : \"a\\\"}\", \"n\":-1.5e3 ,\"v\":{\"id\":7,\"l\":[1, {\"x\":\"]\"},[ ]]}, \"a/b\":true, "
        "\"\\u0065\\u006e\":null,\"id2\":{},\"n\":4,\"\":0}";
    static const struct {
        const char *from, *expected;
    } cases[] = {
        {"/id", "\"a\\\"}\""}, {"id", "\"a\\\"}\""},
        {"/n", "4"},           {"/v", "{\"id\":7,\"l\":[1, {\"x\":\"]\"},[ ]]}"},
        {"/v/id", "7"},        {"/v/l/0", "1"},
        {"/v/l/1/x", "\"]\""}, {"/v/l/2", "[ ]"},
        {"/v/l/3", NULL},      {"/v/l/x", NULL},
        {"/a~1b", "true"},     {"/en", "null"},
        {"/id2", "{}"},        {"/", "0"},
        {"/nothing", NULL},    {"/n/x", NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        is(found(&ndjson, NULL, text, cases[i].from), cases[i].expected, cases[i].from);
    is(found(&ndjson, NULL, "[{\"a\":1}, 2]", "/1"), "2", "an array");
    is(found(&ndjson, NULL, "[]", "/0"), NULL, "an empty one");
}

/* Nothing is read beyond the end of what is no JSON. */
static void test_cut(void)
{
    static const struct format ndjson = {.kind = FORMAT_NDJSON};
    static const char text[] = "{\"id\":{\"x\":[1,\"\\\"]\"]},\"z\":tr";
    int beyond = 0;
    for (size_t n = 0; n < sizeof text; n++) {
        struct span span = {0, 0};
        char *exact = mem_alloc(n + 1);
        memcpy(exact, text, n);
        (void)locate_value(&ndjson, NULL, exact, n, "/id/x/1", &a, &span);
        (void)locate_value(&ndjson, NULL, exact, n, "/z", &a, &span);
        beyond += span.at + span.len > n;
        free(exact);
    }
    is_int(beyond, 0, "a text that was cut anywhere");
}

static void test_csv(void)
{
    static const struct format csv = {.kind = FORMAT_CSV, .delimiter = ';', .quote_char = '"'};
    const char *const names[] = {"id", "na/me", "last"};
    const struct header *h = header_make(&a, names, 3);
    static const char text[] = "7;\"a;\"\"b\";";
    is(found(&csv, h, text, "id"), "7", "a column");
    is(found(&csv, h, text, "/na~1me"), "\"a;\"\"b\"", "in quotes");
    is(found(&csv, h, text, "last"), "", "an empty one");
    is(found(&csv, h, text, "#2"), "\"a;\"\"b\"", "by its number");
    is(found(&csv, h, text, "other"), NULL, "none");
    is(found(&csv, NULL, text, "#1"), "7", "without a header");
    is(found(&csv, NULL, text, "#4"), NULL, "that has not so many");
    is(found(&(struct format){.kind = FORMAT_CSV, .delimiter = '\t'}, NULL, "\"a\tb\"", "#2"), "b\"",
       "quotes that are letters");
}

int main(void)
{
    arena_init(&a);
    test_json();
    test_cut();
    test_csv();
    arena_release(&a);
    return tap_done();
}
