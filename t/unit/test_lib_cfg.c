/*
 * Configuration: every mistake is told with file, line and key.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cfg.h"
#include "lib/log.h"
#include "t/unit/tap.h"

static struct buf told;

/* Reads text as an object with the keys alpha (string), beta (0 to 5), list of objects with a name, wait, kind. */
static bool read_text(const char *text)
{
    static const char *const keys[] = {"alpha", "beta", "list", "wait", "kind", NULL}, *const kinds[] = {"file", "http",
                                                                                                         NULL};
    struct arena a;
    bool good = false;
    arena_init(&a);
    buf_reset(&told);
    const struct cfg *c = cfg_parse(&a, "f.json", text, strlen(text));
    if (c) {
        cfg_keys(c, keys);
        cfg_need_string(c, "alpha");
        cfg_integer(c, "beta", 1, 0, 5);
        cfg_duration_ms(c, "wait", "1s");
        cfg_choice(c, "kind", kinds, 0);
        for (size_t i = 0; i < cfg_length(cfg_get(c, "list")); i++)
            cfg_need_string(cfg_at(cfg_get(c, "list"), i), "name");
        good = !cfg_failed(c);
    }
    arena_release(&a);
    return good;
}

static void test_mistakes(void)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"{\n \"alpah\": 1}", "f.json:2: alpah: unknown key; did you mean \"alpha\"?"},
        {"{\"alpha\": \"x\",\n\n \"zzz\": 1}", "f.json:3: zzz: unknown key; known here: alpha, beta"},
        {"{}", "f.json:1: the key \"alpha\" is missing"},
        {"{\"alpha\":\n\n7}", "f.json:1: alpha: a string was expected"},
        {"{\"alpha\": \"\"}", "alpha: must not be empty"},
        {"{\"alpha\": \"\\u0000\"}", "a string without"},
        {"{\"alpha\": \"x\",\n\"beta\": 6}", "f.json:2: beta: a whole number from 0 to 5 was expected"},
        {"{\"alpha\": \"x\", \"beta\": 1.5}", "beta: a whole number"},
        {"{\"alpha\": \"x\", \"list\": {}}", "list: a list was expected"},
        {"{\"alpha\": \"x\", \"list\": [{\"name\": \"y\"},\n{\"name\": [\"}\"]}]}",
         "f.json:2: list[1].name: a string was expected"},
        {"{\"alpha\": \"x\", \"wait\": \"5 s\"}", "wait: a duration such as"},
        {"{\"alpha\": \"x\", \"kind\": \"fiel\"}", "kind: one of file, http was expected; did you mean \"file\"?"},
        {"{\"alpha\": \"x\",\n\"alpha\": \"y\"}", "f.json:1: the key \"alpha\" is given twice"},
        {"{\"alpha\": \"x\", \"list\": [{\"name\": {\"q\": [1]},\n\"name\": \"y\"}]}",
         "the key \"name\" is given twice"},
        {"{\"alpha\": \"x\",}", "f.json:1: not valid JSON"},
        {"{\"alpha\": \"x\"\n<<<<<<< HEAD\n}", "f.json:2: not valid JSON: "},
        {"{\"alpha\": \"x\"\n<<<<<<< HEAD\n}", "unresolved merge"},
        {"{\"alpha\": \"x\"} x", "not valid JSON"},
        {"", "not valid JSON"},
        {"[]", "an object was expected"},
        {"null", "an object was expected"},
        {"{\"alpha\": \"\xff\"}", "not valid JSON"},
        {"{\"alpha\": \"NaN\",\n\"beta\": -Infinity}", "f.json:2: not valid JSON: NaN and Infinity are no numbers"},
        {"{\"alpha\": NaN}", "f.json:1: not valid JSON: NaN and Infinity are no numbers"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        bool good = read_text(cases[i].text);
        if (!ok(!good && strstr(buf_str(&told), cases[i].says), "told: %s", cases[i].says))
            printf("# got: %s\n", buf_str(&told));
    }
}

/* Opening a FIFO in earnest would wait for ever, and this test with it. */
static void test_kinds(void)
{
    char folder[] = "/tmp/oriel-cfg-XXXXXX", path[64];
    struct arena a;
    arena_init(&a);
    ok(mkdtemp(folder), "a folder");
    snprintf(path, sizeof path, "%s/f.json", folder);
    const char *const what[] = {"nothing", "a folder", "a FIFO"};
    const char *const says[] = {"No such file", "it is no regular file", "it is no regular file"};
    for (int i = 0; i < 3; i++) {
        is_int(i == 0 ? 0 : i == 1 ? mkdir(path, 0700) : mkfifo(path, 0600), 0, what[i]);
        buf_reset(&told);
        ok(!cfg_open(&a, path), "is not read");
        ok(strstr(buf_str(&told), says[i]) && strstr(buf_str(&told), path), "which is told: %s", says[i]);
        remove(path);
    }
    FILE *f = fopen(path, "w");
    fputs("{\"alpha\": \"x\"}", f);
    fclose(f);
    const struct cfg *c = cfg_open(&a, path);
    is(c ? cfg_need_string(c, "alpha") : NULL, "x", "a file is");
    remove(path);
    rmdir(folder);
    arena_release(&a);
}

int main(void)
{
    buf_init(&told, 65536);
    log_capture(&told);
    ok(read_text(
           "{\"alpha\": \"x\", \"beta\": 5, \"list\": [{\"name\": \"a\"}], \"wait\": \"10min\", \"kind\": \"http\"}"),
       "a good file is read");
    is(buf_str(&told), "", "without a word");
    test_mistakes();
    test_kinds();
    buf_release(&told);
    return tap_done();
}
