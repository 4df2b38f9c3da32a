/* The OpenAPI documents: how they are found, chosen among media types and answered; and whether what they say of the
 * grammar is the grammar. */
#include "t/unit/plan_api.h"
#include "t/unit/tap.h"

#include <regex.h>

#include "fcgi-app/answer.h"
#include "fcgi-app/operator.h"
#include "lib/openapi.h"

static struct arena a;

static struct plan plan_of(const char *method, const char *path, const char *accept, const char *profile)
{
    struct plan p;
    struct request r = plain_request;
    r.method = method;
    r.path = path;
    r.accept = accept;
    r.accept_profile = profile;
    plan_make(&p, &a, &test_api, &r);
    return p;
}

static const struct {
    const char *path, *accept, *profile;
    int version; /* -1 for 406 */
    enum media media;
} documents[] = {
    {"/", "", "", 0, MEDIA_OPENAPI},
    {"", "*/*", "", 0, MEDIA_OPENAPI},
    {"/", "application/json", "v2", 2, MEDIA_JSON},
    {"/v1", "application/*", "", 1, MEDIA_OPENAPI},
    {"/v1/", "text/html, application/openapi+json;q=0.2, application/json;q=0.1", "", 1, MEDIA_OPENAPI},
    {"/v2/", "Application/JSON; charset=utf-8", "v1", 2, MEDIA_JSON},
    {"/v2/", "application/vnd.pgrst.object+json", "", -1, MEDIA_JSON},
    {"/v2/", "application/json;q=0", "", -1, MEDIA_JSON},
};

static void test_choice(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(documents); i++) {
        struct plan p = plan_of("GET", documents[i].path, documents[i].accept, documents[i].profile);
        int version = p.kind == PLAN_DOCUMENT ? p.document->version : -1;
        if (!ok(version == documents[i].version && (version < 0 || p.media == documents[i].media),
                "\"%s\" of version \"%s\" for \"%s\"", documents[i].path, documents[i].profile, documents[i].accept))
            printf("# got version %d\n", version);
    }
    struct plan p = plan_of("GET", "/v1/", "text/csv", "");
    is(p.error.code, "PGRST107", "another media type is refused");
    is(p.error.hint, "Available are application/openapi+json and application/json.", "with those that are given");
    is(plan_of("GET", "/", "", "v2").profile, "v2", "the profile that chose the version is told");
    is(plan_of("GET", "/v9/", "", "").error.details, "There is no contract of version 9.", "a version that is not");
}

static void test_answer(void)
{
    struct answer answer;
    answer_init(&answer, 1 << 20, 1);
    struct plan p = plan_of("GET", "/v1/", "", "");
    answer_plan(&answer, &p);
    is_int(answer.status, 200, "200");
    is(buf_str(&answer.body), "{\"v\":1}", "the document is the body");
    ok(strstr(buf_str(&answer.head), "Content-Type: application/openapi+json; charset=utf-8\r\n"), "of its media type");
    ok(strstr(buf_str(&answer.head), "Content-Length: 7\r\n"), "of its length");
    p = plan_of("HEAD", "/v1/", "application/json", "");
    answer_plan(&answer, &p);
    is(buf_str(&answer.body), "", "HEAD has no body");
    ok(strstr(buf_str(&answer.head), "Content-Type: application/json; charset=utf-8\r\n"), "but its headers");
    answer_release(&answer);
}

static void test_made(void)
{
    struct contract set_of_two[] = {parts_1, products_2};
    for (size_t i = 0; i < 2; i++)
        set_of_two[i].output = set_of_two[i].definition = "";
    struct contract_set lock = {.contracts = set_of_two, .n = 2};
    struct documents d;
    struct buf b;
    documents_init(&d, &lock, OPENAPI_OPEN);
    is_int((long long)d.n, 3, "one of all, and one of each version");
    buf_init(&b, SIZE_MAX / 2);
    ok(openapi_print(&lock, 2, OPENAPI_OPEN, &b) == 0, "a document is written");
    is(document_find(&d, 2)->text, buf_str(&b), "the text of version 2");
    ok(document_find(&d, 2)->length == b.len, "and its length");
    const char *made = document_find(&d, 2)->text;
    ok(document_find(&d, 2)->text == made, "made once");
    ok(!document_find(&d, 3), "none of a version that is not");
    documents_release(&d);
    buf_release(&b);
}

/* What the document says of a filter's form must be true of every operator, and of them alone. */
static void test_filter_pattern(void)
{
    static const char *const names[] = {"adj", "cd", "cs",         "eq",    "fts", "gt",  "gte",   "ilike", "imatch",
                                        "in",  "is", "isdistinct", "like",  "lt",  "lte", "match", "neq",   "nxl",
                                        "nxr", "ov", "phfts",      "plfts", "sl",  "sr",  "wfts"};
    struct contract_set none = {0};
    struct buf b;
    regex_t pattern;
    buf_init(&b, SIZE_MAX / 2);
    ok(openapi_print(&none, 0, OPENAPI_OPEN, &b) == 0, "a document of no contract");
    const struct cfg *filter = cfg_parse(&a, "document", buf_str(&b), b.len);
    static const char *const steps[] = {"components", "schemas", "filter"};
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
        filter = cfg_get(filter, steps[i]);
    if (!ok(regcomp(&pattern, cfg_string(filter, "pattern", "("), REG_EXTENDED | REG_NOSUB) == 0, "has a pattern"))
        return;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const struct operator* known = operator_find(names[i], strlen(names[i]));
        bool quantified = known && (known->kind == OPERATOR_QUANTIFIED || known->kind == OPERATOR_PATTERN);
        const char *any = arena_printf(&a, "not.%s(any).x", names[i]);
        ok(known && regexec(&pattern, arena_printf(&a, "%s.x", names[i]), 0, NULL, 0) == 0 &&
               (regexec(&pattern, any, 0, NULL, 0) == 0) == (quantified || known->kind == OPERATOR_SEARCH),
           "%s is an operator in both", names[i]);
    }
    ok(regexec(&pattern, "equals.5", 0, NULL, 0) != 0 && regexec(&pattern, "5", 0, NULL, 0) != 0, "nothing else is");
    regfree(&pattern);
    buf_release(&b);
}

int main(void)
{
    arena_init(&a);
    test_choice();
    test_answer();
    test_made();
    test_filter_pattern();
    arena_release(&a);
    return tap_done();
}
