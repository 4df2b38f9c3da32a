/* Tests beside entity files: they pass, and each kind of mismatch is told. And what `oriel try` prints. */
#include <unistd.h>

#include "lib/log.h"
#include "t/unit/tap.h"
#include "worker/entity_test.h"
#include "worker/try_report.h"

static const char *json_of(struct arena *a, const char *s)
{
    char *json = arena_strdup(a, s);
    for (char *p = json; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    return json;
}

static struct entity *make_entity(struct arena *a)
{
    const char *text =
        json_of(a, "{'entity':'x','table':'dp.x','primaryKey':['id'],'fields':["
                   "{'name':'id','from':'Id','type':'string','constraints':{'required':true}},"
                   "{'name':'price','from':'Price','type':'number','decimalChar':',','onError':'null'}]}");
    return entity_parse(a, "x.json", text, strlen(text));
}

static const struct {
    const char *test, *complaint; /* NULL: it passes */
} tests[] = {
    {"'document':{'Id':7,'Price':1.50},'row':{'id':'7','price':'1.50'}", NULL},
    {"'csv':{'Id':'7','Price':'1,50'},'row':{'price':'1.50'}", NULL},
    {"'record':'{\\'Id\\':12345678901234567890}','row':{'id':'12345678901234567890','price':null}", NULL},
    {"'record':'{','reasons':[{'field':null,'rule':'json','reason':'malformed'}]", NULL},
    {"'csv':{'Id':'','Price':'x'},'reasons':[{'field':'id','rule':'required','reason':'missing'},"
     "{'field':'price','rule':'number','reason':'malformed'}]",
     NULL},
    {"'csv':{'Id':'7','Price':'x'},'row':{'price':null},'reasons':[{'field':'price','rule':'number','reason':'"
     "malformed'}]",
     NULL},
    {"'document':{'Id':7},'row':{'id':'8'}", "row.id: expected \"8\", got \"7\""},
    {"'document':{'Id':7},'row':{'price':'1'}", "row.price: expected \"1\", got null"},
    {"'document':{'Id':7,'Price':1},'row':{'price':null}", "expected null, got \"1\""},
    {"'document':{'Id':7},'row':{'prise':null}", "has no field of that name"},
    {"'document':{},'row':{}", "expected a row, but the record is rejected: id: required, missing"},
    {"'document':{'Id':7},'reasons':[{'field':'id','rule':'required','reason':'missing'}]",
     "expected 1 reasons, got 0: none"},
    {"'document':{},'reasons':[{'field':'id','rule':'required','reason':'malformed'}]", "got id: required, missing"},
    {"'document':{},'reasons':[{'field':'id','rule':'required','reason':'mising'}]", "did you mean \"missing\"?"},
    {"'document':{},'reasons':[{'field':'id','rulle':'required','reason':'missing'}]", "did you mean \"rule\"?"},
    {"'document':{}", "nothing is expected"},
    {"'row':{}", "has to say what goes in"},
    {"'document':{},'csv':{},'row':{}", "has to say what goes in"},
    {"'document':[],'row':{}", "an object was expected"},
    {"'csv':{'Id':7},'row':{}", "a cell of a CSV is a text"},
};

static void test_tests(struct arena *a, const struct entity *e)
{
    char path[] = "/tmp/test_worker_entity_test.XXXXXX";
    int fd = mkstemp(path);
    close(fd);
    for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
        struct buf log;
        int n = 0;
        FILE *f = fopen(path, "w");
        fputs(json_of(a, arena_printf(a, "{'tests':[\n{'name':'t',%s}]}", tests[i].test)), f);
        fclose(f);
        buf_init(&log, 8192);
        log_capture(&log);
        int result = entity_test_run(e, path, a, &n);
        log_capture(NULL);
        bool right = tests[i].complaint
                         ? result < 0 && strstr(buf_str(&log), tests[i].complaint) && strstr(buf_str(&log), ":2: ")
                         : result == 0 && !log.len;
        if (!ok(right && n == 1, "test %zu %s", i, tests[i].complaint ? tests[i].complaint : "passes"))
            printf("#   got: %s", buf_str(&log));
        buf_release(&log);
    }
    unlink(path);
}

static const char *report(struct arena *a, const struct entity *e, bool json)
{
    char *out = NULL;
    size_t n;
    FILE *f = open_memstream(&out, &n);
    struct try_report r;
    struct cell cells[] = {{"7", 1}, {NULL, 0}};
    struct reason reasons[] = {{REASON_MISSING, ACTION_REJECT, "id", "required", "", NULL},
                               {REASON_MALFORMED, ACTION_NULL, "price", "number",
                                "a\033\"\xc2\x9b"
                                "b",
                                "it is none"}};
    struct cleaned row = {.cells = cells}, reject = {.rejected = true, .reasons = reasons, .n_reasons = 2};
    try_report_init(&r, e, f, json, 1);
    try_report_record(&r, &row, 10);
    try_report_record(&r, &row, 10);
    try_report_record(&r, &reject, 10);
    try_report_record(&r, &reject, 10);
    try_report_file_end(&r);
    try_report_summary(&r);
    try_report_release(&r);
    fclose(f);
    const char *text = arena_strdup(a, out);
    free(out);
    return text;
}

static void test_report(struct arena *a, const struct entity *e)
{
    is(report(a, e, false),
       "record 1\n  id=\"7\"\n  price=null\n"
       "record 3: rejected\n  reject id: missing, required, \"\"\n"
       "  null price: malformed, number, \"a\\u001b\\\"??b\": it is none\n"
       "4 records: 1 rows, 1 that say the same again, 2 rejected (the first 1 of each are shown)\n"
       "         2  reject   id: missing, required, such as \"\"\n"
       "         2  null     price: malformed, number, such as \"a\\u001b\\\"??b\"\n",
       "a report for people; nothing in it can steer a terminal");
    is(report(a, e, true),
       "{\"record\":1,\"rejected\":false,\"row\":{\"id\":\"7\",\"price\":null},\"reasons\":[]}\n"
       "{\"record\":3,\"rejected\":true,\"reasons\":[{\"field\":\"id\",\"rule\":\"required\",\"reason\":\"missing\","
       "\"action\":"
       "\"reject\",\"value\":\"\",\"message\":null},{\"field\":\"price\",\"rule\":\"number\",\"reason\":\"malformed\","
       "\"action\":"
       "\"null\",\"value\":\"a\\u001b\\\"\xc2\x9b"
       "b\",\"message\":\"it is none\"}]}\n"
       "{\"summary\":{\"records\":4,\"rows\":1,\"updated\":0,\"unchanged\":1,\"rejected\":2,\"reasons\":[{\"field\":"
       "\"id\",\"rule\":\"required\","
       "\"reason\":"
       "\"missing\",\"action\":\"reject\",\"count\":2,\"example\":\"\"},{\"field\":\"price\",\"rule\":\"number\","
       "\"reason\":"
       "\"malformed\",\"action\":\"null\",\"count\":2,\"example\":\"a\\u001b\\\"\xc2\x9b"
       "b\"}]}}\n",
       "the same as JSON");
}

int main(void)
{
    struct arena a;
    arena_init(&a);
    struct entity *e = make_entity(&a);
    test_tests(&a, e);
    test_report(&a, e);
    arena_release(&a);
    return tap_done();
}
