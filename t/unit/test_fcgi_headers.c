/* Headers beside those of rows: the end of a contract, CORS, Server-Timing. */
#include "t/unit/tap.h"

#include "fcgi-app/answer.h"
#include "fcgi-app/deprecation.h"
#include "fcgi-app/validator.h"
#include "lib/text.h"
#include "t/unit/plan_api.h"

static struct arena a;
static struct buf head;

static const char *deprecation_of(bool deprecated, const char *sunset, const char *successor)
{
    struct contract c = {.deprecated = deprecated, .sunset = sunset, .successor = successor};
    struct api_contract k = {.contract = &c};
    deprecation_prepare(&k, &a);
    buf_reset(&head);
    buf_puts(&head, k.end_headers ? k.end_headers : "");
    deprecation_link(&head, k.successor_link, NULL);
    return buf_str(&head);
}

static void test_deprecation(void)
{
    is(deprecation_of(false, NULL, NULL), "", "a contract that stays says nothing");
    is(deprecation_of(true, NULL, NULL), "Deprecation: true\r\n", "deprecated");
    is(deprecation_of(false, "2027-03-01", NULL), "Sunset: Mon, 01 Mar 2027 00:00:00 GMT\r\n", "a day as an HTTP-date");
    is(deprecation_of(false, "2028-02-29", NULL), "Sunset: Tue, 29 Feb 2028 00:00:00 GMT\r\n", "a leap day");
    is(deprecation_of(false, "soon", NULL), "", "what is no day is left out");
    is(deprecation_of(false, NULL, "v_products_v2"), "Link: </v2/products>; rel=\"successor-version\"\r\n",
       "the successor's path");
    is(deprecation_of(false, NULL, "v_a>\r\nb/\xc3\xa9_v1"),
       "Link: </v1/a%3E%0D%0Ab%2F%C3%A9>; rel=\"successor-version\"\r\n", "whatever its name holds");
    is(deprecation_of(false, NULL, "other"), "", "what is no contract has no path");
}

static void test_timing(void)
{
    struct answer answer;
    struct plan p = {.kind = PLAN_OPTIONS};
    answer_init(&answer, 1000, 1);
    answer_plan(&answer, &p);
    answer_timing(&answer, 1249, 12345);
    const char *end = strstr(buf_str(&answer.head), "Server-Timing: ");
    is(end, "Server-Timing: db;dur=1.2, total;dur=12.3\r\n\r\n", "milliseconds, as the last header");
    answer_plan(&answer, &p);
    answer_timing(&answer, -1, 400);
    end = strstr(buf_str(&answer.head), "Server-Timing: ");
    is(end, "Server-Timing: total;dur=0.4\r\n\r\n", "without a database");
    answer_release(&answer);
}

static void test_entity_tags(void)
{
    static const char json[] = "application/json";
    static const struct {
        const char *header;
        bool matches;
    } cases[] = {
        {"", false},
        {"*", true},
        {" \"a b,\" ", true},
        {"W/\"a b,\"", true},
        {"\"a b\"", false},
        {"\"x\", \"a b,\"", true},
        {"\"x\",W/\"a b,\",y", true},
        {"a b,", false},
        {"\"a b,", false},
        {"\"x\" \"a b,\"", true},
        {"\"a b,\"\"", true},
        {",,W/", false},
    };
    char tag[ENTITY_TAG_SIZE], other[ENTITY_TAG_SIZE];
    struct buf body;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        is_int(entity_tag_matches(cases[i].header, "\"a b,\""), cases[i].matches, cases[i].header);
    buf_init(&body, 100);
    entity_tag_make(tag, &body, json, -1, NULL);
    ok(strlen(tag) == 34 && tag[0] == '"' && tag[33] == '"', "an empty body has a tag: %s", tag);
    entity_tag_make(other, &body, json, -1, NULL);
    is(other, tag, "always the same");
    entity_tag_make(other, &body, json, 0, NULL);
    ok(strcmp(other, tag) != 0, "another total is another answer");
    entity_tag_make(other, &body, "text/csv", -1, NULL);
    ok(strcmp(other, tag) != 0, "another media type too");
    buf_putc(&body, 'x');
    entity_tag_make(other, &body, json, -1, NULL);
    ok(strcmp(other, tag) != 0, "and another body");
    buf_release(&body);
}

/* Versions: what asks for one, and what it says. */
static void test_validators(void)
{
    struct data_version version = {.known = true, .hash = "abc", .changed_at = 1800000000};
    struct plan p = {.sources = "{1}", .shape = "def", .version = &version, .now = 1800000005};
    struct validator v;
    text_http_date(version.changed_at, version.changed);
    validator_of_version(&v, &p);
    ok(strncmp(v.tag, "W/\"", 3) == 0 && strlen(v.tag) == ENTITY_TAG_SIZE - 1, "a weak tag");
    is(v.last_modified, "Fri, 15 Jan 2027 08:00:00 GMT", "and a time");
    ok(!validator_asked(&p) && !validator_matches(&v, &p), "no condition");
    p.if_none_match = "";
    p.if_modified_since = "Fri, 15 Jan 2027 08:00:00 GMT";
    ok(validator_asked(&p) && validator_matches(&v, &p), "since the same time");
    p.claims = "{}";
    ok(!validator_asked(&p) && !validator_matches(&v, &p), "which is no proof where rows depend on who asks");
    p.claims = NULL;
    p.if_modified_since = "Fri, 15 Jan 2027 08:00:01 GMT";
    ok(!validator_matches(&v, &p), "nor is a later one");
    p.if_none_match = v.tag;
    ok(validator_asked(&p) && validator_matches(&v, &p), "a tag goes before it");
    p.if_none_match = "*";
    ok(!validator_asked(&p), "that there is an answer, no version says");
    p.sources = NULL;
    p.if_none_match = "\"x\"";
    ok(!validator_asked(&p), "nothing to ask for");
    p.now = 1800000004;
    validator_of_version(&v, &p);
    ok(!v.last_modified, "a time that may not be over is not told");
}

static const char *const listed[] = {"https://app.example", "http://localhost:3000", NULL};
static const char *const all[] = {"*", NULL};
static const char *const none[] = {NULL};

/* What plan_make() and answer_plan() make of a request from a page; valid until the next call. */
static const char *head_for(const char *const *origins, const struct request *r, struct plan *p)
{
    static struct answer answer;
    struct api api = test_api;
    api.origins = origins;
    plan_make(p, &a, &api, r);
    answer_release(&answer);
    answer_init(&answer, 1000, 1);
    if (p->kind == PLAN_ROWS)
        p->kind = PLAN_OPTIONS;
    answer_plan(&answer, p);
    return buf_str(&answer.head);
}

static void test_cors(void)
{
    struct plan p;
    struct request r = plain_request;
    ok(!strstr(head_for(none, &r, &p), "Access-Control"), "nothing without configuration");
    r.origin = "https://app.example";
    ok(!strstr(head_for(NULL, &r, &p), "Access-Control"), "whoever asks");
    ok(!strstr(head_for(none, &r, &p), "Origin"), "and Vary does not name it");
    const char *h = head_for(listed, &r, &p);
    ok(strstr(h, "\r\nAccess-Control-Allow-Origin: https://app.example\r\n"), "an origin of the list");
    ok(strstr(h, "\r\nVary: Accept, Prefer, Range, Origin\r\n"), "Vary");
    ok(strstr(h, "\r\nAccess-Control-Expose-Headers: Content-Range, Content-Location, Content-Profile,"), "exposed");
    ok(!strstr(h, "Access-Control-Allow-Methods"), "which is no preflight");
    r.origin = "https://app.example.evil";
    h = head_for(listed, &r, &p);
    ok(!strstr(h, "Access-Control"), "an origin that is not in the list");
    ok(strstr(h, "\r\nVary: Accept, Prefer, Range, Origin\r\n"), "would get another answer if it were");
    h = head_for(all, &r, &p);
    ok(strstr(h, "\r\nAccess-Control-Allow-Origin: *\r\n"), "all origins");
    ok(strstr(h, "\r\nVary: Accept, Prefer, Range\r\n"), "get the same answer");
    r.path = "/v1/nothing";
    h = head_for(all, &r, &p);
    ok(p.error.status == 404 && strstr(h, "\r\nAccess-Control-Allow-Origin: *\r\n"), "errors can be read too");
}

static void test_preflight(void)
{
    struct plan p;
    struct request r = plain_request;
    r.method = "OPTIONS";
    r.path = "/v1/nothing";
    r.origin = "http://localhost:3000";
    head_for(listed, &r, &p);
    ok(p.kind == PLAN_ERROR, "OPTIONS that asks for no method is none");
    r.asked_method = "GET";
    r.asked_headers = "accept-profile,prefer";
    const char *h = head_for(listed, &r, &p);
    ok(p.kind == PLAN_OPTIONS && strncmp(h, "Status: 200 ", 12) == 0, "a preflight is answered whatever its path");
    ok(strstr(h, "\r\nAccess-Control-Allow-Methods: GET, HEAD, OPTIONS\r\n"), "methods");
    ok(strstr(h, "\r\nAccess-Control-Allow-Headers: X-Retry-Count, accept-profile,prefer\r\n"), "headers");
    ok(strstr(h, "\r\nAccess-Control-Max-Age: 86400\r\n"), "for a day");
    r.asked_headers = "x: y\r\nSet-Cookie: z";
    h = head_for(listed, &r, &p);
    ok(strstr(h, "\r\nAccess-Control-Allow-Headers: X-Retry-Count\r\n"), "what is no list of names does not come back");
    r.origin = "https://evil.example";
    h = head_for(listed, &r, &p);
    ok(p.kind == PLAN_ERROR && !strstr(h, "Access-Control"), "a stranger's preflight is a plain OPTIONS");
}

static void test_origins(void)
{
    static const struct {
        const char *origin;
        bool good;
    } cases[] = {
        {"*", true},
        {"https://app.example", true},
        {"http://[::1]:8080", true},
        {"app+1://localhost", true},
        {"", false},
        {"https://", false},
        {"app.example", false},
        {"https://a.example/", false},
        {"HTTPS://a", false},
        {"null", false},
        {"https://*.example", false},
        {"https://a b", false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        is_int(cors_is_origin(cases[i].origin), cases[i].good, cases[i].origin);
}

int main(void)
{
    arena_init(&a);
    buf_init(&head, 1000);
    test_deprecation();
    test_timing();
    test_entity_tags();
    test_validators();
    test_cors();
    test_preflight();
    test_origins();
    buf_release(&head);
    arena_release(&a);
    return tap_done();
}
