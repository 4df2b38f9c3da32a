/* What plan_make() answers by itself: errors, options, negotiated types; and that no text of a request becomes SQL. */
#include "fcgi-app/plan_error.h"
#include "lib/text.h"
#include "t/unit/plan_api.h"
#include "t/unit/tap.h"

static const struct {
    const char *query;
    const char *code;
    const char *message, *details, *hint;
} queries[] = {
    /* columns and types that are not there */
    {"nme=eq.1", "42703", "column products.nme does not exist", NULL,
     "Perhaps you meant to reference the column \"products.name\"."},
    {"select=zzzzzz", "42703", "column products.zzzzzz does not exist", NULL, NULL},
    {"order=pric", "42703", "column products.pric does not exist", NULL,
     "Perhaps you meant to reference the column \"products.price\"."},
    {"or=(id.eq.1,and(nam.eq.1))", "42703", "column products.nam does not exist", NULL,
     "Perhaps you meant to reference the column \"products.name\"."},
    {"select=id::txt", "42704", "type \"txt\" is not one that can be cast to", NULL, "Perhaps you meant \"text\"."},
    {"select=id::regclass", "42704", "type \"regclass\" is not one that can be cast to", NULL, NULL},
    /* what is asked of related contracts, and aggregates */
    {"select=id,vendors(name)", "PGRST200",
     "Could not find a relationship between 'products' and 'vendors' in the schema cache",
     "Searched for a foreign key relationship between 'products' and 'vendors' in the schema 'v1', but no matches "
     "were found.",
     NULL},
    {"select=v:vendors!fk!inner(name)", "PGRST200", NULL,
     "Searched for a foreign key relationship between 'products' and 'vendors' using the hint 'fk' in the schema 'v1', "
     "but no matches were found.",
     NULL},
    {"select=...vendors(name)", "PGRST200", NULL, NULL, NULL},
    {"order=vendors(name)", "PGRST108", NULL, NULL, NULL},
    {"vendors.name=eq.x", "PGRST108", "'vendors' is not an embedded resource in this request", NULL,
     "Verify that 'vendors' is included in the 'select' query parameter."},
    {"vendors.or=(a.eq.1)", "PGRST108", NULL, NULL, NULL},
    {"vendors.not.and=(a.eq.1)", "PGRST108", NULL, NULL, NULL},
    {"vendors.order=id", "PGRST108", NULL, NULL, NULL},
    {"vendors.limit=1", "PGRST108", NULL, NULL, NULL},
    {"vendors.offset=1", "PGRST108", NULL, NULL, NULL},
    {"select=count()", "PGRST123", "Use of aggregate functions is not allowed", NULL, NULL},
    {"select=n:count()", "PGRST123", NULL, NULL, NULL},
    {"select=price.sum()", "PGRST123", NULL, NULL, NULL},
    {"select=price::int.avg()::text", "PGRST123", NULL, NULL, NULL},
    /* the place and the reason of a mistake */
    {"id=xx.1", "PGRST100", "\"failed to parse filter (xx.1)\" (line 1, column 1)",
     "unexpected \"x\" expecting \"not\" or operator (eq, gt, ...)", NULL},
    {"id=5", "PGRST100", "\"failed to parse filter (5)\" (line 1, column 1)",
     "unexpected \"5\" expecting \"not\" or operator (eq, gt, ...)", NULL},
    {"id=", "PGRST100", "\"failed to parse filter ()\" (line 1, column 1)",
     "unexpected end of input expecting \"not\" or operator (eq, gt, ...)", NULL},
    {"id=eq", "PGRST100", "\"failed to parse filter (eq)\" (line 1, column 3)",
     "unexpected end of input expecting delimiter (.)", NULL},
    {"id=eqq.1", "PGRST100", "\"failed to parse filter (eqq.1)\" (line 1, column 1)", NULL,
     "Perhaps you meant the operator 'eq'."},
    {"id=neq(any).{1}", "PGRST100", "\"failed to parse filter (neq(any).{1})\" (line 1, column 4)", NULL, NULL},
    {"id=eq(some).{1}", "PGRST100", NULL, "unexpected \"s\" expecting \"any)\" or \"all)\"", NULL},
    {"id=in.1,2", "PGRST100", "\"failed to parse filter (in.1,2)\" (line 1, column 4)",
     "unexpected \"1\" expecting \"(\"", NULL},
    {"id=in.(1,2", "PGRST100", "\"failed to parse filter (in.(1,2)\" (line 1, column 8)",
     "unexpected end of input expecting \",\" or \")\"", NULL},
    {"id=in.(1)x", "PGRST100", "\"failed to parse filter (in.(1)x)\" (line 1, column 7)", NULL, NULL},
    {"id=is.nul", "PGRST100", "\"failed to parse filter (is.nul)\" (line 1, column 4)", NULL, NULL},
    {"id=is.nullx", "PGRST100", NULL, NULL, NULL},
    {"words=fts().x", "PGRST100", NULL, "unexpected \")\" expecting letter or digit", NULL},
    {"words=fts(3748).x", "PGRST100", NULL, NULL, NULL},
    {"name=%0A%C3%A4%0Axx.1", "PGRST100", NULL, NULL, NULL},
    {"or=(id.eq.1", "PGRST100", "\"failed to parse logic tree ((id.eq.1)\" (line 1, column 9)", NULL, NULL},
    {"or=()", "PGRST100", "\"failed to parse logic tree (())\" (line 1, column 2)",
     "unexpected \")\" expecting field name (* or [a..z0..9_$])", NULL},
    {"or=(%C3%A4%C3%A4)", "PGRST100", "\"failed to parse logic tree ((\xc3\xa4\xc3\xa4))\" (line 1, column 4)", NULL,
     NULL},
    {"or=id.eq.1", "PGRST100", NULL, NULL, NULL},
    {"or=(and(or(and(or(id.eq.1)))))", "PGRST100", NULL, "Conditions are nested more than 4 deep.", NULL},
    {"select=id,", "PGRST100", "\"failed to parse select parameter (id,)\" (line 1, column 4)",
     "unexpected end of input expecting field name (* or [a..z0..9_$])", NULL},
    {"select=id name", "42703", NULL, NULL, NULL},
    {"select=id;name", "PGRST100", "\"failed to parse select parameter (id;name)\" (line 1, column 3)", NULL, NULL},
    {"select=\"id", "PGRST100", NULL, "unexpected end of input expecting \"\\\"\"", NULL},
    {"select=id::", "PGRST100", NULL, "unexpected end of input expecting letter or digit", NULL},
    {"select=id::numeric(3)", "PGRST100", NULL, NULL, NULL},
    {"select=id::int[]", "PGRST100", NULL, NULL, NULL},
    {"select=data->>-x", "PGRST100", NULL, NULL, NULL},
    {"select=price.med()", "PGRST100", NULL, NULL, NULL},
    {"select=x:*", "PGRST100", NULL, NULL, NULL},
    {"select=id!left", "PGRST100", NULL, "unexpected end of input expecting \"(\"", NULL},
    {"order=", "PGRST100", NULL, NULL, NULL},
    {"order=id.ac", "PGRST100", "\"failed to parse order (id.ac)\" (line 1, column 4)",
     "unexpected \"a\" expecting \"asc\", \"desc\", \"nullsfirst\" or \"nullslast\"", NULL},
    {"order=id.asc.x", "PGRST100", "\"failed to parse order (id.asc.x)\" (line 1, column 8)",
     "unexpected \"x\" expecting \"nullsfirst\" or \"nullslast\"", NULL},
    {"order=id.descc", "PGRST100", "\"failed to parse order (id.descc)\" (line 1, column 8)", NULL, NULL},
    {"=eq.1", "PGRST100", "\"failed to parse tree path ()\" (line 1, column 1)", NULL, NULL},
    {"name=eq.%00", "PGRST100", "failed to parse the query: parameter 1 is not UTF-8 without NUL", NULL, NULL},
    {"id=eq.1&na%ffme=eq.1", "PGRST100", "failed to parse the query: parameter 2 is not UTF-8 without NUL", NULL, NULL},
    {"name=eq.%c0%a7", "PGRST100", NULL, NULL, NULL},
    {"name=eq.%ed%a0%80", "PGRST100", NULL, NULL, NULL},
    /* ranges */
    {"limit=-1", "PGRST103", "Requested range not satisfiable", "Limit should be greater than or equal to zero.", NULL},
    {"limit=2&offset=-9", "PGRST103", NULL, "The limit, the offset and the Range header have no row in common.", NULL},
};

static void check_error(const struct plan *p, size_t i)
{
    ok(p->kind == PLAN_ERROR && p->error.code && strcmp(p->error.code, queries[i].code) == 0, "%s: %s",
       queries[i].query, p->error.code);
    is_int(p->error.status, plan_error_status(queries[i].code), "with its status");
    if (queries[i].message)
        is(p->error.message, queries[i].message, "message");
    if (queries[i].details)
        is(p->error.details, queries[i].details, "details");
    if (queries[i].hint)
        is(p->error.hint, queries[i].hint, "hint");
}

static void test_queries(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(queries); i++) {
        struct arena a;
        arena_init(&a);
        struct plan p;
        struct request r = plain_request;
        r.query = queries[i].query;
        plan_make(&p, &a, &test_api, &r);
        check_error(&p, i);
        arena_release(&a);
    }
    struct arena a;
    arena_init(&a);
    struct plan p;
    struct request r = plain_request;
    r.range = "5-4";
    plan_make(&p, &a, &test_api, &r);
    is(p.error.details, "The lower boundary must be lower than or equal to the upper boundary in the Range header.",
       "a Range that ends before it begins");
    r.range = "20-30";
    r.query = "limit=10";
    plan_make(&p, &a, &test_api, &r);
    is_int(p.error.status, 416, "a Range beyond the limit");
    arena_release(&a);
}

static const struct {
    const char *method, *path, *profile;
    int status;              /* 0 for rows, 200 for options */
    const char *code, *text; /* text: the view, or the hint */
} routes[] = {
    {"GET", "/v1/products", "", 0, NULL, "v_products_v1"},
    {"HEAD", "/v2/products", "", 0, NULL, "v_products_v2"},
    {"GET", "/v1/product%73", "", 0, NULL, "v_products_v1"},
    {"GET", "/products", "v2", 0, NULL, "v_products_v2"},
    {"GET", "/v1/products", "v2", 0, NULL, "v_products_v1"},
    {"GET", "/v1/products", "public", 0, NULL, "v_products_v1"},
    {"OPTIONS", "/v1/products", "", 200, NULL, NULL},
    {"OPTIONS", "/v1/products/1", "", 200, NULL, NULL},
    {"OPTIONS", "/v1/stock", "", 200, NULL, NULL},
    {"OPTIONS", "/products", "", 200, NULL, NULL},
    {"OPTIONS", "/prodcts", "", 404, "PGRST125", "Perhaps you meant '/v1/products' or '/v2/products'."},
    {"OPTIONS", "/v1/nothing", "", 404, "PGRST205", NULL},
    {"POST", "/v1/products", "", 405, "PGRST117", NULL},
    {"DELETE", "/v1/products/1", "", 405, "PGRST117", NULL},
    {"get", "/v1/products", "", 405, "PGRST117", NULL},
    {"", "/v1/products", "", 405, "PGRST117", NULL},
    {"GET", "/v1/stock", "", 503, "ORIEL001", NULL},
    {"GET", "/v1/stock/NO,1", "", 503, "ORIEL001", NULL},
    {"GET", "/v1/prodcts", "", 404, "PGRST205", "Perhaps you meant '/v1/products' or '/v2/products'."},
    {"GET", "/v3/products", "", 404, "PGRST205", "Perhaps you meant '/v1/products' or '/v2/products'."},
    {"GET", "/v1/V_PRODUCTS_V1", "", 404, "PGRST205", NULL},
    {"GET", "/parts", "v2", 404, "PGRST205", "Perhaps you meant '/v1/parts'."},
    {"GET", "/products", "public", 406, "PGRST106", "Only the following schemas are exposed: v1, v2"},
    {"GET", "/products", "v3", 406, "PGRST106", "Only the following schemas are exposed: v1, v2"},
    {"GET", "/v1/rpc/now", "", 404, "PGRST202", NULL},
    {"POST", "/v1/rpc/now", "", 404, "PGRST202", NULL},
    {"GET", "/rpc/now", "v1", 404, "PGRST202", NULL},
    {"GET", "/v1/rpc", "", 404, "PGRST205", NULL},
    {"POST", "/products", "", 405, "PGRST117", NULL},
    {"GET", "/products", "", 404, "PGRST125", "Perhaps you meant '/v1/products' or '/v2/products'."},
    {"GET", "/products/1", "v1", 404, "PGRST125", NULL},
    {"GET", "/v1/products/1/2", "", 404, "PGRST125", NULL},
    {"GET", "/v1/products/1/2/3/4", "", 404, "PGRST125", NULL},
    {"GET", "/v01/products", "", 404, "PGRST125", NULL},
    {"GET", "/v1//", "", 404, "PGRST125", NULL},
    {"GET", "//", "", 404, "PGRST125", NULL},
    {"GET", "/products/", "v1", 404, "PGRST125", "Contracts are served at /v<N>/<entity>, and described at /."},
    {"POST", "/", "", 405, "PGRST117", NULL},
    {"OPTIONS", "/v1/", "", 200, NULL, NULL},
    {"GET", "/", "v3", 406, "PGRST106", "Only the following schemas are exposed: v1, v2"},
    {"GET", "/v3/", "", 404, "PGRST125", "What there is, is described at /v1/, /v2/."},
    {"HEAD", "/v3", "", 404, "PGRST125", NULL},
    {"GET", "/v1/%ff", "", 404, "PGRST125", NULL},
    {"GET", "/v1/a%00b", "", 404, "PGRST125", NULL},
};

static void test_routes(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
        struct arena a;
        arena_init(&a);
        struct plan p;
        struct request r = plain_request;
        r.method = routes[i].method;
        r.path = routes[i].path;
        r.accept_profile = routes[i].profile;
        plan_make(&p, &a, &test_api, &r);
        int status = p.kind == PLAN_ROWS ? 0 : p.kind == PLAN_OPTIONS ? 200 : p.error.status;
        ok(status == routes[i].status, "%s %s (%s): %d", r.method, r.path, r.accept_profile, status);
        if (routes[i].code)
            is(p.error.code, routes[i].code, "code");
        if (routes[i].text)
            is(p.kind == PLAN_ROWS ? p.contract->view : p.error.hint, routes[i].text, "where to");
        bool allow = status == 200 || status == 405;
        is(p.allow, allow ? "OPTIONS,GET,HEAD" : NULL, "Allow");
        ok(p.head == (strcmp(r.method, "HEAD") == 0), "HEAD is known");
        arena_release(&a);
    }
    struct arena a;
    arena_init(&a);
    struct plan p;
    struct request r = plain_request;
    r.path = "/products";
    r.accept_profile = "v2";
    plan_make(&p, &a, &test_api, &r);
    is(p.profile, "v2", "the profile that chose the version is told");
    r.path = "/v1/stock";
    plan_make(&p, &a, &test_api, &r);
    is(p.error.details, "v_stock_v1 is not there", "what differs is told");
    ok(!p.profile, "a version in the path is no profile");
    r.path = "/v1/products";
    r.query = "name=eq.a%20b&id=gt.1\xc3\xa4\r\nX: y";
    plan_make(&p, &a, &test_api, &r);
    is(p.content_location, "/v1/products?name=eq.a%20b&id=gt.1%C3%A4%0D%0AX:%20y", "the location fits a header");
    arena_release(&a);
}

static const struct {
    const char *accept;
    int expected; /* 0 JSON, 1 object, +2 nulls stripped, 4 CSV, -1 none */
} accepts[] = {
    {"", 0},
    {"*/*", 0},
    {"application/json", 0},
    {"Application/JSON; charset=utf-8", 0},
    {"application/*", 0},
    {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", 0},
    {"application/vnd.pgrst.object+json", 1},
    {"application/vnd.pgrst.object", 1},
    {"application/vnd.pgrst.object+json;nulls=stripped", 3},
    {"application/vnd.pgrst.object+json; nulls=stripped; q=0.5", 3},
    {"application/vnd.pgrst.array+json;nulls=stripped", 2},
    {"application/json;nulls=stripped", 2},
    {"application/json, application/vnd.pgrst.object+json", 0},
    {"application/json;q=0.5, application/vnd.pgrst.object+json;q=0.7", 1},
    {"*/*, application/vnd.pgrst.object+json", 1},
    {"application/json;q=0, application/vnd.pgrst.object+json;q=0.001", 1},
    {"application/json;x=\"a,b;q=0\"", 0},
    {"text/csv", 4},
    {"text/csv; header=present; nulls=stripped", 4},
    {"text/*", 4},
    {"application/json;q=0.9, text/csv", 4},
    {"text/*, application/json", 0},
    {"text/html, image/png;q=0.5", -1},
    {"application/json;q=0", -1},
    {";;;,,,=", -1},
};

static void test_media(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(accepts); i++) {
        struct arena a;
        arena_init(&a);
        struct plan p;
        struct request r = plain_request;
        r.accept = accepts[i].accept;
        plan_make(&p, &a, &test_api, &r);
        int got = p.kind == PLAN_ROWS ? (p.media == MEDIA_OBJECT) + 2 * p.strip_nulls + 4 * (p.media == MEDIA_CSV) : -1;
        is_int(got, accepts[i].expected, r.accept);
        if (got < 0)
            is(p.error.code, "PGRST107", "406");
        arena_release(&a);
    }
}

static const struct {
    const char *prefer, *applied, *details; /* details: of the error, NULL for rows */
} prefers[] = {
    {"", NULL, NULL},
    {"count=exact", "count=exact", NULL},
    {" count=exact ,handling=lenient", "count=exact, handling=lenient", NULL},
    {"count=exact,count=planned", "count=exact", NULL},
    {"count=planned,count=exact", "count=planned", NULL},
    {"timezone=Europe/Berlin, handling=lenient,count=estimated",
     "count=estimated, handling=lenient, timezone=Europe/Berlin", NULL},
    {"timezone=UTC,timezone=Mars", "timezone=UTC", NULL},
    {"timezone=Etc/GMT+12", "timezone=Etc/GMT+12", NULL},
    {"return=representation,resolution=merge-duplicates,missing=default,tx=rollback,max-affected=3", NULL, NULL},
    {"handling=strict,return=minimal", "handling=strict", NULL},
    {"anything", NULL, NULL},
    {"handling=strict, anything, count=exact", NULL, "Invalid preferences: anything"},
    {"count=some,handling=strict,x=\xff", NULL, "Invalid preferences: count=some, x=\xef\xbf\xbd"},
};

static void test_time_zones(void)
{
    static const char *const wrong[] = {"", "5", "-3", "\"UTC\"", "UTC;", "\xff", "Europe Berlin", "<a>5"};
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        struct arena a;
        arena_init(&a);
        struct plan p;
        struct request r = plain_request;
        r.prefer = arena_printf(&a, "timezone=%s", wrong[i]);
        plan_make(&p, &a, &test_api, &r);
        is_int(p.error.status, 400, r.prefer);
        is(p.error.code, "22023", "as Postgres would say");
        arena_release(&a);
    }
}

static void test_prefer(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(prefers); i++) {
        struct arena a;
        arena_init(&a);
        struct plan p;
        struct request r = plain_request;
        r.prefer = prefers[i].prefer;
        plan_make(&p, &a, &test_api, &r);
        ok(p.kind == (prefers[i].details ? PLAN_ERROR : PLAN_ROWS), "Prefer: %s", r.prefer);
        is(p.preference_applied, prefers[i].applied, "applied");
        is(p.error.details, prefers[i].details, "refused");
        is(p.error.code, prefers[i].details ? "PGRST122" : NULL, "code");
        arena_release(&a);
    }
}

/* %s is where a stranger's text goes; path or query. With any text the statement must be what it is with another, or
 * the answer an error: so no text can be part of it. */
static const char *const places[] = {
    "/v1/products?select=id&name=eq.%s",
    "/v1/products?select=id&name=not.like.*%s*",
    "/v1/products?select=id&name=match.%s",
    "/v1/products?select=id&name=isdistinct.%s",
    "/v1/products?select=id&name=eq(any).{%s}",
    "/v1/products?select=id&name=in.(%s)",
    "/v1/products?select=id&name=in.(\"%s\",b)",
    "/v1/products?select=id&words=fts(%s).a",
    "/v1/products?select=id&words=fts.%s",
    "/v1/products?select=id&data->%s=eq.1",
    "/v1/products?select=id&data->>\"%s\"=eq.1",
    "/v1/products?select=id&%s=eq.1",
    "/v1/products?select=id&\"%s\"=eq.1",
    "/v1/products?select=id&or=(name.eq.%s,id.eq.1)",
    "/v1/products?select=id&or=(name.eq.\"%s\",data->\"%s\".eq.1)",
    "/v1/products?select=id&and=(tags.cs.{%s},id.eq.1)",
    "/v1/products?select=%s",
    "/v1/products?select=id,%s:name",
    "/v1/products?select=id,\"%s\":name",
    "/v1/products?select=id::%s",
    "/v1/products?select=data->>%s",
    "/v1/products?select=data->\"%s\"->>\"%s\"",
    "/v1/products?select=id&order=%s",
    "/v1/products?select=id&order=id.%s",
    "/v1/products?select=id&order=data->\"%s\".desc",
    "/v1/products?select=id&limit=%s",
    "/v1/products?select=id&offset=%s",
    "/v1/products?select=id&id=is.%s",
    "/v1/products?select=id&id=%s.1",
    "/v1/items?select=id,%s:vendor(name)",
    "/v1/items?select=id,\"%s\":vendor(name)",
    "/v1/items?select=id,vendor(%s:name)",
    "/v1/items?select=id,vendor(\"%s\":name)",
    "/v1/items?select=id,...vendor(\"%s\":name)",
    "/v1/items?select=id,vendor(%s)",
    "/v1/items?select=id,%s(name)",
    "/v1/items?select=id,vendors!%s(name)",
    "/v1/items?select=id,vendors!vendor!\"%s\"(name)",
    "/v1/items?select=id,batches(id)&batches.lot=eq.%s",
    "/v1/items?select=id,batches(id)&batches.\"%s\"=eq.1",
    "/v1/items?select=id,batches(id)&\"%s\".lot=eq.1",
    "/v1/items?select=id,batches(id)&batches.or=(lot.eq.%s,id.eq.1)",
    "/v1/items?select=id,batches(id)&batches.order=%s",
    "/v1/items?select=id,batches(id)&batches.limit=%s",
    "/v1/items?select=id,vendor(name)&order=vendor(%s)",
    "/v1/items?select=id,vendor(name)&order=vendor(moods->\"%s\")",
    "/v1/items?select=id,vendor(moods->\"%s\")",
    "/v1/products/%s?select=id",
    "/v1/parts/NO,%s",
    "/v1/%s?select=id",
    "/%s/products?select=id",
};
static const char *const strings[] = {
    "zqx",
    "zqx' OR 'zqx'='zqx",
    "zqx\" FROM dp.product --",
    "zqx\\",
    "zqx\\' zqx",
    "zqx; DROP TABLE zqx; --",
    "/* zqx */",
    "$1 zqx $$ zqx $$",
    "zqx) UNION SELECT zqx --",
    "zqx::regclass",
    "E'\\x27zqx'",
    "zqx\n\r\t",
    "zqx\x01\x7f",
    "\xca\xbc zqx \xef\xbc\x87",
    "zqx%27",
};

/* s, or with percent signs before all that is no letter. */
static const char *encoded(struct arena *a, const char *s)
{
    const char *out = "";
    for (; *s; s++)
        out = arena_printf(a, (*s >= 'a' && *s <= 'z') ? "%s%c" : "%s%%%02x", out, (unsigned char)*s);
    return out;
}

static const char *fill(struct arena *a, const char *place, const char *with)
{
    const char *out = "";
    for (; *place; place++)
        if (strncmp(place, "%s", 2) == 0) {
            out = arena_printf(a, "%s%s", out, with);
            place++;
        } else {
            out = arena_printf(a, "%s%c", out, *place);
        }
    return out;
}

static void make(struct plan *p, struct arena *a, const char *place, const char *with)
{
    struct request r = plain_request;
    char *url = arena_strdup(a, fill(a, place, with)), *question = strchr(url, '?');
    if (question)
        *question = 0;
    r.path = url;
    r.query = question ? question + 1 : "";
    plan_make(p, a, &test_api, &r);
}

static void test_injection(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        struct arena a;
        arena_init(&a);
        struct plan usual, hostile;
        int bad = 0, rows = 0;
        make(&usual, &a, places[i], "a");
        for (size_t k = 0; k < ARRAY_SIZE(strings); k++) {
            make(&hostile, &a, places[i], encoded(&a, strings[k]));
            rows += hostile.kind == PLAN_ROWS;
            if (hostile.kind == PLAN_ROWS)
                bad += strstr(hostile.sql, "zqx") || (usual.kind == PLAN_ROWS && strcmp(usual.sql, hostile.sql) != 0);
            else
                bad += hostile.sql != NULL || hostile.error.status == 0 ||
                       text_utf8_valid(hostile.error.message, strlen(hostile.error.message)) !=
                           strlen(hostile.error.message);
        }
        ok(!bad, "%s: %d statements, all as with a letter; %d errors", places[i], rows,
           (int)ARRAY_SIZE(strings) - rows);
        arena_release(&a);
    }
}

static void test_limits(void)
{
    struct arena a;
    arena_init(&a);
    struct plan p;
    struct buf query;
    struct request r = plain_request;
    buf_init(&query, 4 << 20);
    buf_puts(&query, "or=(id.eq.0");
    for (int i = 1; i < 65535; i++)
        buf_puts(&query, ",id.eq.1");
    r.query = arena_printf(&a, "%s)", buf_str(&query));
    plan_make(&p, &a, &test_api, &r);
    ok(p.kind == PLAN_ROWS && p.n_params == 65535, "as many values as a statement takes");
    r.query = arena_printf(&a, "%s,id.eq.1)", buf_str(&query));
    plan_make(&p, &a, &test_api, &r);
    is(p.error.code, "PGRST100", "one more is refused");
    buf_reset(&query);
    buf_puts(&query, "select=id");
    for (int i = 1; i < 1000; i++)
        buf_puts(&query, ",id");
    r.query = buf_str(&query);
    plan_make(&p, &a, &test_api, &r);
    ok(p.kind == PLAN_ROWS && p.n_columns == 1, "a thousand columns");
    buf_puts(&query, ",id");
    r.query = buf_str(&query);
    plan_make(&p, &a, &test_api, &r);
    is(p.error.code, "PGRST100", "one more is refused");
    buf_reset(&query);
    buf_puts(&query, "select=data");
    for (int i = 0; i < 65; i++)
        buf_puts(&query, "->a");
    r.query = buf_str(&query);
    plan_make(&p, &a, &test_api, &r);
    is(p.error.details, "A JSON path has at most 64 steps.", "a path that is too long is refused");
    buf_reset(&query);
    buf_puts(&query, "order=id");
    for (int i = 0; i < 64; i++)
        buf_puts(&query, ",id");
    r.query = buf_str(&query);
    plan_make(&p, &a, &test_api, &r);
    is(p.error.details, "An order has at most 64 terms.", "an order that is too long is refused");
    buf_release(&query);
    arena_release(&a);
}

static void test_error_text(void)
{
    struct arena a;
    arena_init(&a);
    is(plan_error_text(&a, "a\"b\\c", true), "a\\\"b\\\\c", "quoted");
    is(plan_error_text(&a, "a\"b", false), "a\"b", "not quoted");
    is(plan_error_text(&a,
                       "\xff"
                       "a\xc3",
                       false),
       "\xef\xbf\xbd"
       "a\xef\xbf\xbd",
       "bytes that are no UTF-8");
    char text[400] = "";
    memset(text, 'x', 199);
    memcpy(text + 199, "\xc3\xa4yyy", 6);
    const char *cut = plan_error_text(&a, text, false);
    ok(strlen(cut) == 199 + 3 && strcmp(cut + 199, "\xe2\x80\xa6") == 0, "cut between characters");
    is_int(plan_error_status("XX000"), 500, "an unknown code");
    arena_release(&a);
}

int main(void)
{
    test_queries();
    test_routes();
    test_media();
    test_prefer();
    test_time_zones();
    test_injection();
    test_limits();
    test_error_text();
    return tap_done();
}
