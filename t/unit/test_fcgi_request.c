/* FastCGI parameters as a request; the responder's section of oriel.json. */
#include "t/unit/tap.h"

#include "fcgi-app/options.h"
#include "fcgi-app/request.h"
#include "lib/log.h"

static struct arena a;
static size_t url_length;

static struct request read_request(const char *const *parameters)
{
    struct request r;
    char *list[16] = {NULL};
    for (int i = 0; parameters[i]; i++)
        list[i] = arena_strdup(&a, parameters[i]);
    request_read(&r, &a, list, &url_length);
    return r;
}

static void test_request(void)
{
    struct request r = read_request((const char *const[]){
        "FCGI_ROLE=RESPONDER", "REQUEST_METHOD=GET", "REQUEST_URI=/v1/a%20b?x=1?2&y=%2F", "QUERY_STRING=ignored",
        "HTTP_ACCEPT=a/b", "HTTP_ACCEPT_PROFILE=v1", "HTTP_PREFER=count=exact", "HTTP_PREFER=timezone=UTC",
        "HTTP_RANGE=0-1", "HTTP_RANGE=5-6", "CONTENT_LENGTH=", "HTTP_ORIGIN=http://a", NULL});
    is(r.method, "GET", "method");
    is(r.path, "/v1/a%20b", "the path as it came, without the query");
    is(r.query, "x=1?2&y=%2F", "the query from the first question mark");
    is_int((long long)url_length, 21, "the length of both");
    is(r.accept, "a/b", "Accept");
    is(r.accept_profile, "v1", "Accept-Profile is another header");
    is(r.prefer, "count=exact, timezone=UTC", "Prefer sent twice is one list");
    is(r.range, "0-1", "of two ranges the first counts");
    is(r.origin, "http://a", "Origin");
    ok(!r.has_body, "an empty length is no body");
    r = read_request((const char *const[]){"REQUEST_METHOD=GET", NULL});
    is(r.path, "", "what is absent is empty, never NULL");
    is(r.query, "", "the query too");
}

static void test_body(void)
{
    static const struct {
        const char *parameter;
        bool body;
    } cases[] = {
        {"CONTENT_LENGTH=0", false},  {"CONTENT_LENGTH=00", false}, {"CONTENT_LENGTH=12", true},
        {"CONTENT_LENGTH=x", true},   {"CONTENT_LENGTH=-1", true},  {"HTTP_TRANSFER_ENCODING=chunked", true},
        {"CONTENT_LENGTHS=5", false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct request r = read_request((const char *const[]){cases[i].parameter, NULL});
        is_int(r.has_body, cases[i].body, cases[i].parameter);
    }
}

/* Reads {"responder": section}; the messages are in log. */
static int read_options(struct options *o, const char *section, struct buf *log)
{
    char *text = arena_printf(&a, "{\"responder\": %s}", section);
    buf_reset(log);
    log_capture(log);
    const struct cfg *root = cfg_parse(&a, "oriel.json", text, strlen(text));
    int result = root ? options_read(o, &a, cfg_get(root, "responder")) : -1;
    log_capture(NULL);
    return result;
}

static void test_options(void)
{
    struct options o;
    struct buf log;
    buf_init(&log, 10000);
    is_int(read_options(&o, "null", &log), 0, "an absent section");
    is_int(o.responders, 2, "has the defaults");
    is_int(o.statement_timeout_ms, 5000, "of each");
    is_int(read_options(&o, "{\"maxRows\": 7, \"retryAfter\": \"1500ms\"}", &log), 0, "a section");
    is_int(o.max_rows, 7, "says what it says");
    is_int(o.retry_after, 2, "seconds are rounded up");
    is_int(read_options(&o, "{\"maxRow\": 7, \"maxInFlight\": 0}", &log), -1, "mistakes");
    is(buf_str(&log),
       "oriel.json:1: responder.maxRow: unknown key; did you mean \"maxRows\"?\n"
       "oriel.json:1: responder.maxInFlight: a whole number from 1 to 8192 was expected\n",
       "are all told, with file, line and key");
    is_int(o.exact_up_to, 10000, "counts are exact up to a number");
    is_int(read_options(&o, "{\"origins\": [\"https://a.example\", \"*\"]}", &log), 0, "origins");
    ok(strcmp(o.origins[0], "https://a.example") == 0 && !o.origins[2], "are a list");
    is_int(read_options(&o, "{\"origins\": [\"*\", \"https://a.example/\"]}", &log), -1, "that is checked");
    ok(strstr(buf_str(&log), "oriel.json:1: responder.origins[1]: \"*\" or an origin such as"), "entry by entry");
    is_int(read_options(&o, "{\"drainTimeout\": \"2d\"}", &log), -1, "durations have a maximum");
    buf_release(&log);
}

int main(void)
{
    arena_init(&a);
    test_request();
    test_body();
    test_options();
    arena_release(&a);
    return tap_done();
}
