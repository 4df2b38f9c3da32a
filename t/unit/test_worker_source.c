/*
 * Source files: what they say, and that every mistake is told with file, line and key.
 */
#include <unistd.h>

#include "lib/log.h"
#include "t/unit/tap.h"
#include "worker/source.h"

static struct entity list[] = {{.file = "vendor", .name = "vendor"}, {.file = "product", .name = "product"}};
static const struct entity_set entities = {.list = list, .n = 2};
static const struct settings settings = {.drop = "/drop"};

static struct buf told;

static int parse(struct source *s, struct arena *a, const char *text)
{
    buf_reset(&told);
    log_capture(&told);
    int result = source_parse(s, a, "conf/acme.json", text, strlen(text), &settings, &entities);
    log_capture(NULL);
    return result;
}

static void test_good(struct arena *a)
{
    struct source s;
    is_int(
        parse(
            &s, a,
            "{\"kind\": \"file\", \"client\": \"acme\", \"entities\": [\"product\", \"vendor\"], \"folder\": \"in\",\n"
            " \"pattern\": \"*.csv\", \"format\": \"csv\", \"batchRecords\": 5, \"poll\": \"2s\", \"description\": "
            "\"x\"}"),
        0, "a source file");
    is(buf_str(&told), "", "nothing to tell");
    is(s.name, "acme", "named as its file");
    is(s.folder, "/drop/in", "its folder is in the drop folder");
    is_int(s.n_entities, 2, "two entities");
    is(s.entities[0]->file, "vendor", "in the order of the set, whatever the order in the file");
    ok(!s.entities[2], "ended by NULL");
    is_int(s.batch_records, 5, "records per batch");
    is_int(s.batch_bytes, 4 << 20, "bytes per batch by default");
    is_int(s.schedule.every_ms, 2000, "poll");
    is_int(s.settle_ms, 2000, "settle by default");
    is_int(s.format.kind, FORMAT_CSV, "format");
}

static void test_mistakes(struct arena *a)
{
    static const char frame[] = "{\"kind\": \"file\", \"client\": \"acme\", \"folder\": \"in\", \"pattern\": \"*\", "
                                "\"format\": \"ndjson\",\n%s}";
    static const struct {
        const char *rest, *expected;
    } cases[] = {
        {"\"entities\": [\"vendor\"], \"batchrecords\": 5",
         "conf/acme.json:2: batchrecords: unknown key; did you mean \"batchRecords\"?"},
        {"\"entities\": [\"vendor\", \"shop\"]",
         "conf/acme.json:2: entities[1]: there is no entity file \"shop.json\""},
        {"\"entities\": [\"vendor\", \"vendor\"]", "\"vendor\" is named twice"},
        {"\"entities\": []", "must name at least one entity file"},
        {"\"description\": \"no entities\"", "must name at least one entity file"},
        {"\"entities\": [\"vendor\"], \"batchRecords\": 0",
         "conf/acme.json:2: batchRecords: a whole number from 1 to 1000000"},
        {"\"entities\": [\"vendor\"], \"settle\": \"soon\"", "conf/acme.json:2: settle: a duration"},
        {"\"entities\": [\"vendor\"], \"poll\": \"0s\"", "conf/acme.json:2: poll: must be at least 10ms"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct source s;
        const char *text = arena_printf(a, frame, cases[i].rest);
        is_int(parse(&s, a, text), -1, cases[i].rest);
        if (!ok(strstr(buf_str(&told), cases[i].expected), "is told"))
            printf("# %s", buf_str(&told));
    }
    struct source s;
    is_int(parse(&s, a, "{\"kind\": \"ftp\", \"entities\": [\"vendor\"]}"), -1, "several mistakes");
    ok(strstr(buf_str(&told), "kind: one of file, http, postgres was expected") &&
           strstr(buf_str(&told), "\"client\" is missing") && strstr(buf_str(&told), "\"folder\" is missing") &&
           strstr(buf_str(&told), "\"pattern\" is missing"),
       "are all told");
}

static void put(const char *folder, const char *name, const char *drop, const char *pattern)
{
    char path[100];
    snprintf(path, sizeof path, "%s/%s.json", folder, name);
    FILE *f = fopen(path, "w");
    fprintf(f,
            "{\"kind\": \"file\", \"client\": \"acme\", \"entities\": [\"vendor\"], \"format\": \"csv\",\n"
            " \"folder\": \"%s\",\n \"pattern\": \"%s\"}",
            drop, pattern);
    fclose(f);
}

/* Two sources of which the second is made as given; told holds what was said of both. */
static int load_two(struct arena *a, const char *drop, const char *pattern)
{
    char folder[] = "/tmp/oriel-sources-XXXXXX", path[100];
    static const char *const names[] = {"a", "b"};
    struct source_set set;
    if (!mkdtemp(folder))
        return 1;
    const struct settings here = {.drop = "/drop", .sources = folder};
    put(folder, names[0], "in", "*.csv");
    put(folder, names[1], drop, pattern);
    buf_reset(&told);
    log_capture(&told);
    int result = source_load_all(&set, a, &here, &entities);
    log_capture(NULL);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        snprintf(path, sizeof path, "%s/%s.json", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
    return result;
}

static void test_same_files(struct arena *a)
{
    static const char says[] = "/b.json:3: pattern: source a takes files of the same pattern from the same folder";
    static const char *const same[] = {"in", "/drop/in", "in/"};
    for (size_t i = 0; i < ARRAY_SIZE(same); i++) {
        is_int(load_two(a, same[i], "*.csv"), -1, same[i]);
        if (!ok(strstr(buf_str(&told), says), "two sources of the same files are a mistake"))
            printf("# %s", buf_str(&told));
    }
    is_int(load_two(a, "in", "*.CSV"), 0, "another pattern in the same folder");
    is_int(load_two(a, "in2", "*.csv"), 0, "the same pattern in another folder");
    is(buf_str(&told), "", "are none");
}

int main(void)
{
    struct arena a;
    arena_init(&a);
    buf_init(&told, 100000);
    test_good(&a);
    test_mistakes(&a);
    test_same_files(&a);
    buf_release(&told);
    arena_release(&a);
    return tap_done();
}
