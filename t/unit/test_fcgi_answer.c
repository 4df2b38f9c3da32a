/* Responses from plans and results: statuses, ranges, headers, errors. */
#include "t/unit/tap.h"

#include "fcgi-app/answer.h"
#include "fcgi-app/sqlstate.h"
#include "lib/log.h"

enum { INT4 = 23 };

static struct answer a;
static struct plan_column id_key = {.key = ",\"id\":", .key_len = 6, .name = "id"};

static struct plan rows_plan(void)
{
    return (struct plan){.kind = PLAN_ROWS, .sql = "SELECT", .columns = &id_key, .n_columns = 1, .limit = -1};
}

/* Rows of the column id, 1 to n. With total (not NULL) they are counted; the single row of an empty page says so. */
static PGresult *result_of(int n, const char *total)
{
    PGresult *r = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    char name[] = "c", text[16], yes[] = "t", no[] = "f";
    int first = total ? 2 : 0, rows = total && !n ? 1 : n;
    PGresAttDesc attributes[3] = {{.name = name, .typid = INT4}, {.name = name}, {.name = name, .typid = INT4}};
    PQsetResultAttrs(r, first + 1, attributes);
    for (int i = 0; i < rows; i++) {
        if (total) {
            snprintf(text, sizeof text, "%s", total);
            PQsetvalue(r, i, 0, text, (int)strlen(text));
            PQsetvalue(r, i, 1, n ? yes : no, 1);
        }
        snprintf(text, sizeof text, "%d", i + 1);
        PQsetvalue(r, i, first, text, n ? (int)strlen(text) : -1);
    }
    return r;
}

/* The value of a header of a; NULL when there is none. Valid until the next call. */
static const char *header(const char *name)
{
    static char value[500];
    char start[100];
    snprintf(start, sizeof start, "\r\n%s: ", name);
    const char *at = strstr(buf_str(&a.head), start);
    if (!at)
        return NULL;
    at += strlen(start);
    snprintf(value, sizeof value, "%.*s", (int)strcspn(at, "\r"), at);
    return value;
}

static struct rows written;

static void answer_of(struct answer *answer, const struct plan *p, const PGresult *r, const PGresult *estimate)
{
    answer_begin(answer);
    rows_begin(&written, p);
    rows_put(&written, &answer->body, r);
    answer_rows(answer, &written, estimate);
}

static void answer_result(const struct plan *p, int n, const char *total)
{
    PGresult *r = result_of(n, total);
    answer_of(&a, p, r, NULL);
    PQclear(r);
}

static void test_ranges(void)
{
    static const struct {
        const char *name;
        long long offset;
        int rows;
        const char *total;
        int status;
        const char *range;
    } cases[] = {
        {"total unknown", 0, 2, NULL, 200, "0-1/*"},
        {"total unknown, later page", 10, 2, NULL, 200, "10-11/*"},
        {"total unknown, empty", 10, 0, NULL, 200, "*/*"},
        {"all is there", 0, 2, "2", 200, "0-1/2"},
        {"a part", 0, 2, "3", 206, "0-1/3"},
        {"the last page is a part", 2, 1, "3", 206, "2-2/3"},
        {"offset equal to the total", 3, 0, "3", 206, "*/3"},
        {"offset past the total", 4, 0, "3", 416, "*/3"},
        {"no row at all", 0, 0, "0", 200, "*/0"},
        {"offset past an empty total", 1, 0, "0", 416, "*/0"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct plan p = rows_plan();
        p.offset = cases[i].offset;
        p.counted = cases[i].total != NULL;
        p.count = p.counted ? COUNT_EXACT : COUNT_NONE;
        answer_result(&p, cases[i].rows, cases[i].total);
        is_int(a.status, cases[i].status, cases[i].name);
        is(header("Content-Range"), cases[i].range, cases[i].name);
    }
    struct plan p = rows_plan();
    p.counted = true;
    p.count = COUNT_EXACT;
    answer_result(&p, 2, "3");
    is(buf_str(&a.body), "[{\"id\":1},{\"id\":2}]", "counted rows are written without their count");
}

/* What EXPLAIN (FORMAT JSON) says of a plan of so many rows; "" for something else. */
static PGresult *explain_of(const char *rows)
{
    PGresult *r = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    char name[] = "QUERY PLAN", text[300];
    snprintf(text, sizeof text,
             "[\n  {\n    \"Plan\": {\n      \"Alias\": \"\\\"Plan Rows\\\": 1\"%s%s,\n      \"Plans\": [ { \"%s\": 99 "
             "} ] } } ]",
             *rows ? ",\n      \"Plan Rows\": " : "", rows, *rows ? "Plan Rows" : "Rows");
    PQsetResultAttrs(r, 1, &(PGresAttDesc){.name = name});
    PQsetvalue(r, 0, 0, text, (int)strlen(text));
    return r;
}

static void test_estimates(void)
{
    static const struct {
        const char *name;
        long long offset, limit;
        int rows;
        const char *counted, *planned; /* counted NULL: count=planned, else count=estimated, exact up to 100 */
        int status;
        const char *range;
    } cases[] = {
        {"a full page", 0, 2, 2, NULL, "50", 206, "0-1/50"},
        {"a full page of more than was estimated", 5, 2, 2, NULL, "3", 206, "5-6/7"},
        {"a page that is not full is the last one", 5, 9, 2, NULL, "50", 206, "5-6/7"},
        {"all rows need no estimate", 0, -1, 2, NULL, "50", 200, "0-1/2"},
        {"no row at all", 0, -1, 0, NULL, "50", 200, "*/0"},
        {"an empty page: there are not more than it skips", 30, 10, 0, NULL, "50", 206, "*/30"},
        {"an empty page far behind is not refused by an estimate", 60, 10, 0, NULL, "50", 206, "*/50"},
        {"limit=0 says nothing", 0, 0, 0, NULL, "50", 206, "*/50"},
        {"an estimate of nothing", 0, 0, 0, NULL, "0", 200, "*/0"},
        {"counted to its end", 0, 2, 2, "100", "5000", 206, "0-1/100"},
        {"past a counted end", 101, 2, 0, "100", "5000", 416, "*/100"},
        {"more than are counted", 0, 2, 2, "101", "5000", 206, "0-1/5000"},
        {"more than are counted, but fewer were estimated", 0, 2, 2, "101", "7", 206, "0-1/101"},
        {"an offset beyond what is counted", 4000, 2, 2, "101", "50", 206, "4000-4001/4002"},
        {"a plan without rows", 0, 2, 2, NULL, "", 200, "0-1/*"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct plan p = rows_plan();
        p.offset = cases[i].offset;
        p.limit = cases[i].limit;
        p.counted = cases[i].counted != NULL;
        p.count = p.counted ? COUNT_ESTIMATED : COUNT_PLANNED;
        p.exact_up_to = 100;
        PGresult *r = result_of(cases[i].rows, cases[i].counted), *estimate = explain_of(cases[i].planned);
        answer_of(&a, &p, r, estimate);
        is_int(a.status, cases[i].status, cases[i].name);
        is(header("Content-Range"), cases[i].range, cases[i].name);
        PQclear(r);
        PQclear(estimate);
    }
}

static void test_past_the_end(void)
{
    struct plan p = rows_plan();
    p.counted = true;
    p.count = COUNT_EXACT;
    p.offset = 4;
    answer_result(&p, 0, "3");
    is(buf_str(&a.body),
       "{\"code\":\"PGRST103\",\"message\":\"Requested range not satisfiable\",\"details\":\"An offset of 4 was "
       "requested, but there are only 3 rows.\",\"hint\":null}",
       "past the end: PostgREST's words");
}

static void test_single(void)
{
    struct plan p = rows_plan();
    p.media = MEDIA_OBJECT;
    answer_result(&p, 1, NULL);
    is_int(a.status, 200, "one row as an object");
    is(buf_str(&a.body), "{\"id\":1}", "its body is no list");
    is(header("Content-Type"), "application/vnd.pgrst.object+json; charset=utf-8", "its media type");
    answer_result(&p, 2, NULL);
    is_int(a.status, 406, "two rows are not an object");
    ok(strstr(buf_str(&a.body), "{\"code\":\"PGRST116\",") == buf_str(&a.body), "PGRST116");
    ok(strstr(buf_str(&a.body), "\"details\":\"The result contains 2 rows\"") != NULL, "which tells how many");
    answer_result(&p, 0, NULL);
    is_int(a.status, 406, "no row is not an object either");
    p.media = MEDIA_JSON;
    p.key_path = true;
    answer_result(&p, 0, NULL);
    is_int(a.status, 404, "no row of a key is not found");
    answer_result(&p, 1, NULL);
    is(buf_str(&a.body), "{\"id\":1}", "a row by its key is an object");
    is(header("Content-Type"), "application/json; charset=utf-8", "of the plain media type");
    is(header("Content-Range"), NULL, "and without a range");
}

static void test_csv(void)
{
    struct plan p = rows_plan();
    p.media = MEDIA_CSV;
    p.counted = true;
    p.count = COUNT_EXACT;
    answer_result(&p, 2, "3");
    is_int(a.status, 206, "a part of the rows as CSV");
    is(header("Content-Type"), "text/csv; charset=utf-8", "its media type");
    is(buf_str(&a.body), "id\r\n1\r\n2\r\n", "its body");
    answer_result(&p, 0, "0");
    is(buf_str(&a.body), "id\r\n", "without rows the names remain");
    p.key_path = true;
    p.counted = false;
    answer_result(&p, 1, NULL);
    is(buf_str(&a.body), "id\r\n1\r\n", "one row by its key");
    p.head = true;
    answer_result(&p, 1, NULL);
    is(header("Content-Type"), "text/csv; charset=utf-8", "HEAD has the type");
    is(buf_str(&a.body), "", "and no body");
}

static void test_headers(void)
{
    struct plan p = rows_plan();
    p.profile = "v1";
    p.content_location = "/products?x=\r\nSet-Cookie: evil";
    p.preference_applied = "count=exact";
    p.strip_nulls = true;
    answer_result(&p, 1, NULL);
    ok(strncmp(buf_str(&a.head), "Status: 200 OK\r\n", 16) == 0, "the status comes first");
    ok(strcmp(buf_str(&a.head) + a.head.len - 4, "\r\n\r\n") == 0, "an empty line ends the headers");
    is(header("Content-Profile"), "v1", "Content-Profile");
    is(header("Vary"), "Accept, Accept-Profile, Prefer, Range", "what was chosen by the profile varies by it");
    is(header("Content-Location"), "/products?x=Set-Cookie: evil", "no byte of a value ends its line");
    is(header("Set-Cookie"), NULL, "so no header can be planted");
    is(header("Preference-Applied"), "count=exact", "Preference-Applied");
    is(header("Content-Type"), "application/json; nulls=stripped; charset=utf-8", "nulls=stripped is told");
    is(header("Content-Length"), "10", "Content-Length");
    is(header("Retry-After"), NULL, "nothing to retry");
}

static void test_head(void)
{
    struct plan p = rows_plan();
    p.head = true;
    answer_result(&p, 2, NULL);
    is(buf_str(&a.body), "", "HEAD has no body");
    is(header("Content-Length"), NULL, "and announces none");
    is(header("Content-Range"), "0-1/*", "but its range");
    answer_trouble(&a, &p, TROUBLE_BUSY);
    is(buf_str(&a.body), "", "nor do errors have one");
}

static void test_plans(void)
{
    struct plan p = {.kind = PLAN_OPTIONS, .allow = "OPTIONS,GET,HEAD"};
    answer_plan(&a, &p);
    is_int(a.status, 200, "OPTIONS");
    is(header("Allow"), "OPTIONS,GET,HEAD", "Allow");
    is(header("Content-Length"), "0", "an empty body");
    p = (struct plan){.kind = PLAN_ERROR, .error = {405, "PGRST117", "no \"POST\"", NULL, "read"}, .allow = "GET"};
    answer_plan(&a, &p);
    is_int(a.status, 405, "a plan's error");
    is(header("Allow"), "GET", "with its Allow");
    is(buf_str(&a.body), "{\"code\":\"PGRST117\",\"message\":\"no \\\"POST\\\"\",\"details\":null,\"hint\":\"read\"}",
       "all four members, always");
    p.error.status = 503;
    answer_plan(&a, &p);
    is(header("Retry-After"), "7", "every 503 says when to come again");
}

static void test_troubles(void)
{
    static const struct {
        enum answer_trouble trouble;
        int status;
        const char *code;
    } cases[] = {
        {TROUBLE_NO_DATABASE, 503, "PGRST001"},  {TROUBLE_BUSY, 503, "ORIEL004"},
        {TROUBLE_URL_TOO_LONG, 414, "ORIEL003"}, {TROUBLE_TOO_LARGE, 507, "ORIEL002"},
        {TROUBLE_BROKEN_PLAN, 500, "ORIEL005"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char code[32];
        answer_trouble(&a, NULL, cases[i].trouble);
        snprintf(code, sizeof code, "{\"code\":\"%s\"", cases[i].code);
        is_int(a.status, cases[i].status, cases[i].code);
        ok(strncmp(buf_str(&a.body), code, strlen(code)) == 0, "%s is in the body", cases[i].code);
        is(header("Retry-After"), cases[i].status == 503 ? "7" : NULL, cases[i].code);
    }
    PGresult *broken = PQmakeEmptyPGresult(NULL, PGRES_FATAL_ERROR);
    struct plan p = rows_plan();
    answer_failure(&a, &p, broken);
    is_int(a.status, 503, "an error without SQLSTATE is a broken connection");
    PQclear(broken);
}

static void test_limits(void)
{
    struct answer small;
    struct plan p = rows_plan();
    PGresult *r = result_of(40, NULL);
    answer_init(&small, 300, 1);
    answer_of(&small, &p, r, NULL);
    is_int(small.status, 507, "a body beyond the maximum is refused as a whole");
    ok(strncmp(buf_str(&small.body), "{\"code\":\"ORIEL002\"", 18) == 0, "with an error in its place");
    ok(strncmp(buf_str(&small.head), "Status: 507 ", 12) == 0, "and one status only");
    PQclear(r);
    p.n_columns = 2;
    struct buf log;
    buf_init(&log, 1000);
    log_capture(&log);
    r = result_of(1, NULL);
    answer_of(&small, &p, r, NULL);
    log_capture(NULL);
    is_int(small.status, 500, "a result that does not fit its plan");
    ok(strstr(buf_str(&log), "other columns than the 2 of the plan") != NULL, "is in the log");
    PQclear(r);
    buf_release(&log);
    answer_release(&small);
}

static void test_sqlstates(void)
{
    static const struct {
        const char *code;
        int status;
        bool pass;
    } cases[] = {
        {"08006", 503, false}, {"0A000", 400, false}, {"22P02", 400, true},  {"22003", 400, true},
        {"23505", 400, false}, {"25006", 405, false}, {"25P02", 500, false}, {"40001", 500, false},
        {"42501", 503, false}, {"42P01", 503, false}, {"42883", 404, false}, {"42703", 503, false},
        {"42804", 400, false}, {"53300", 503, false}, {"54001", 500, false}, {"57014", 504, false},
        {"57P01", 503, false}, {"57P03", 503, false}, {"P0001", 500, false}, {"XX000", 500, false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct sqlstate_rule *rule = sqlstate_find(cases[i].code);
        is_int(rule->status, cases[i].status, cases[i].code);
        is_int(rule->pass, cases[i].pass, "whether Postgres' own words are shown");
    }
    for (size_t i = 1; i < n_sqlstate_rules; i++) {
        const char *before = sqlstate_rules[i - 1].prefix, *here = sqlstate_rules[i].prefix;
        ok(strcmp(before, here) < 0, "%s comes before %s", *before ? before : "the empty prefix", here);
        ok(!sqlstate_rules[i].pass || strncmp(here, "22", 2) == 0, "%s: only class 22 speaks for itself", here);
    }
}

int main(void)
{
    answer_init(&a, 10000, 7);
    test_ranges();
    test_estimates();
    test_past_the_end();
    test_single();
    test_csv();
    test_headers();
    test_head();
    test_plans();
    test_troubles();
    test_limits();
    test_sqlstates();
    answer_release(&a);
    return tap_done();
}
