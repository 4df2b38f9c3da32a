/* What plan_make() asks of Postgres: the statement's text and its parameters. */
#include "fcgi-app/operator.h"
#include "t/unit/plan_api.h"
#include "t/unit/tap.h"

#define VIEW " FROM \"api\".\"v_products_v1\" AS t"

/* The statement, then each parameter in brackets; for an error its code, message and details. */
static const char *shown(struct arena *a, const struct plan *p)
{
    if (p->kind != PLAN_ROWS)
        return arena_printf(a, "%s: %s: %s", p->error.code, p->error.message, p->error.details);
    const char *s = p->sql;
    for (int i = 0; i < p->n_params; i++)
        s = arena_printf(a, "%s [%s]", s, p->params[i]);
    return s;
}

static const char *keys(struct arena *a, const struct plan *p)
{
    const char *s = "";
    for (size_t i = 0; i < p->n_columns; i++)
        s = arena_printf(a, "%s%.*s", s, (int)p->columns[i].key_len - 1, p->columns[i].key + 1);
    return s;
}

static const struct {
    const char *query, *where;
} conditions[] = {
    /* every operator */
    {"id=eq.3", "t.\"id\" = $1 [3]"},
    {"id=gt.3", "t.\"id\" > $1 [3]"},
    {"id=gte.3", "t.\"id\" >= $1 [3]"},
    {"id=lt.3", "t.\"id\" < $1 [3]"},
    {"id=lte.3", "t.\"id\" <= $1 [3]"},
    {"id=neq.3", "t.\"id\" <> $1 [3]"},
    {"name=like.a*b%25", "t.\"name\" LIKE $1 [a%b%]"},
    {"name=ilike.*A", "t.\"name\" ILIKE $1 [%A]"},
    {"name=match.^a*", "t.\"name\" ~ $1 [^a*]"},
    {"name=imatch.^a", "t.\"name\" ~* $1 [^a]"},
    {"id=in.(1,2,3)", "t.\"id\" = ANY ($1) [{\"1\",\"2\",\"3\"}]"},
    {"id=isdistinct.3", "t.\"id\" IS DISTINCT FROM $1 [3]"},
    {"words=fts.a%26b", "t.\"words\" @@ pg_catalog.to_tsquery($1) [a&b]"},
    {"words=plfts.a b", "t.\"words\" @@ pg_catalog.plainto_tsquery($1) [a b]"},
    {"words=phfts.a b", "t.\"words\" @@ pg_catalog.phraseto_tsquery($1) [a b]"},
    {"words=wfts.a -b", "t.\"words\" @@ pg_catalog.websearch_to_tsquery($1) [a -b]"},
    {"tags=cs.{a,b}", "t.\"tags\" @> $1 [{a,b}]"},
    {"tags=cd.{a,b}", "t.\"tags\" <@ $1 [{a,b}]"},
    {"tags=ov.{a,b}", "t.\"tags\" && $1 [{a,b}]"},
    {"id=sl.(1,2)", "t.\"id\" << $1 [(1,2)]"},
    {"id=sr.(1,2)", "t.\"id\" >> $1 [(1,2)]"},
    {"id=nxr.(1,2)", "t.\"id\" &< $1 [(1,2)]"},
    {"id=nxl.(1,2)", "t.\"id\" &> $1 [(1,2)]"},
    {"id=adj.(1,2)", "t.\"id\" -|- $1 [(1,2)]"},
    {"id=is.null", "t.\"id\" IS NULL"},
    {"id=is.NOT_NULL", "t.\"id\" IS NOT NULL"},
    {"id=is.True", "t.\"id\" IS TRUE"},
    {"id=is.false", "t.\"id\" IS FALSE"},
    {"id=is.unknown", "t.\"id\" IS UNKNOWN"},
    /* quantifiers */
    {"id=eq(any).{1,2}", "t.\"id\" = ANY ($1) [{1,2}]"},
    {"id=gt(all).{1,2}", "t.\"id\" > ALL ($1) [{1,2}]"},
    {"name=like(any).{a*,*b}", "t.\"name\" LIKE ANY ($1) [{a%,%b}]"},
    {"name=not.imatch(all).{a,b}", "NOT (t.\"name\" ~* ALL ($1)) [{a,b}]"},
    /* search: configuration, and columns that are no tsvector */
    {"words=fts(german).a", "t.\"words\" @@ pg_catalog.to_tsquery($1::pg_catalog.regconfig, $2) [german] [a]"},
    {"name=plfts.a", "pg_catalog.to_tsvector(t.\"name\") @@ pg_catalog.plainto_tsquery($1) [a]"},
    {"name=wfts(german).a", "pg_catalog.to_tsvector($1::pg_catalog.regconfig, t.\"name\") @@ "
                            "pg_catalog.websearch_to_tsquery($1::pg_catalog.regconfig, $2) [german] [a]"},
    {"data->>k=fts.a", "pg_catalog.to_tsvector((t.\"data\" ->> $1::text)) @@ pg_catalog.to_tsquery($2) [k] [a]"},
    /* negation */
    {"id=not.eq.3", "NOT (t.\"id\" = $1) [3]"},
    {"id=not.in.(3)", "NOT (t.\"id\" = ANY ($1)) [{\"3\"}]"},
    {"id=not.is.null", "NOT (t.\"id\" IS NULL)"},
    /* lists */
    {"id=in.()", "t.\"id\" = ANY ($1) [{}]"},
    {"id=in.(,)", "t.\"id\" = ANY ($1) [{\"\",\"\"}]"},
    {"name=in.(\"\")", "t.\"name\" = ANY ($1) [{\"\"}]"},
    {"name=in.(\"a,b\",c d,\"e\\\"f\")", "t.\"name\" = ANY ($1) [{\"a,b\",\"c d\",\"e\\\"f\"}]"},
    {"name=in.(a\"b,\\,\"x\"y)", "t.\"name\" = ANY ($1) [{\"a\\\"b\",\"\\\\\",\"\\\"x\\\"y\"}]"},
    {"name=in.(\"(\",\")\")", "t.\"name\" = ANY ($1) [{\"(\",\")\"}]"},
    {"id=in. (1,2) ", "t.\"id\" = ANY ($1) [{\"1\",\"2\"}]"},
    /* values are verbatim, and may be empty */
    {"name=eq.", "t.\"name\" = $1 []"},
    {"name=eq.a.b,(c)\"", "t.\"name\" = $1 [a.b,(c)\"]"},
    {"name=eq.a+b%2Bc%", "t.\"name\" = $1 [a b+c%]"},
    {"name=eq.%C3%A4", "t.\"name\" = $1 [\xc3\xa4]"},
    {"name=eq.not.eq.x", "t.\"name\" = $1 [not.eq.x]"},
    /* names */
    {"on+%22sale%22=is.true", "PGRST100"},
    {"%22on%20%5C%22sale%5C%22%22=is.true", "t.\"on \"\"sale\"\"\" IS TRUE"},
    {"unit-code=eq.x", "t.\"unit-code\" = $1 [x]"},
    {" name =eq.x", "t.\"name\" = $1 [x]"},
    /* JSON paths */
    {"data->a->>b=eq.x", "(t.\"data\" -> $1::text ->> $2::text) = $3 [a] [b] [x]"},
    {"data->0->-1=eq.x", "(t.\"data\" -> $1::integer -> $2::integer) = $3 [0] [-1] [x]"},
    {"data->0a=eq.x", "(t.\"data\" -> $1::text) = $2 [0a] [x]"},
    {"data->>\"a.b\"=eq.x", "(t.\"data\" ->> $1::text) = $2 [a.b] [x]"},
    {"data->>a-b=eq.x", "(t.\"data\" ->> $1::text) = $2 [a-b] [x]"},
    {"tags->0=eq.x", "(pg_catalog.to_jsonb(t.\"tags\") -> $1::integer) = $2 [0] [x]"},
    {"data-%3E%3Ek=eq.x", "(t.\"data\" ->> $1::text) = $2 [k] [x]"},
    /* several are all meant */
    {"id=gt.1&id=lt.9", "t.\"id\" > $1 AND t.\"id\" < $2 [1] [9]"},
    {"id=gt.1&name&columns=x&on_conflict=y&=", "PGRST100"},
    {"id=gt.1&name&columns=x&on_conflict=y&", "t.\"id\" > $1 [1]"},
    /* trees */
    {"or=(id.lt.1,id.gt.9)", "(t.\"id\" < $1 OR t.\"id\" > $2) [1] [9]"},
    {"and=(id.lt.1)", "(t.\"id\" < $1) [1]"},
    {"not.or=(id.lt.1,id.gt.9)&name=eq.x", "NOT (t.\"id\" < $1 OR t.\"id\" > $2) AND t.\"name\" = $3 [1] [9] [x]"},
    {"or=(id.eq.1,and(id.gt.2,id.not.lt.3),not.or(id.is.null,name.eq.x))",
     "(t.\"id\" = $1 OR (t.\"id\" > $2 AND NOT (t.\"id\" < $3)) OR NOT (t.\"id\" IS NULL OR t.\"name\" = $4)) "
     "[1] [2] [3] [x]"},
    {"or=( id.eq.1 , name.in.(a,\"b,c\") )", "(t.\"id\" = $1 OR t.\"name\" = ANY ($2)) [1 ] [{\"a\",\"b,c\"}]"},
    {"or=(name.eq.\"a,b)\",name.eq.\"a\"b)", "(t.\"name\" = $1 OR t.\"name\" = $2) [a,b)] [\"a\"b]"},
    {"or=(tags.cs.{a,b},data.cs.{\"a\":{\"b\":[1,2]}},tags.ov.{\"}\",c})",
     "(t.\"tags\" @> $1 OR t.\"data\" @> $2 OR t.\"tags\" && $3) [{a,b}] [{\"a\":{\"b\":[1,2]}}] [{\"}\",c}]"},
    {"or=(name.eq.{a,id.eq.1)", "(t.\"name\" = $1 OR t.\"id\" = $2) [{a] [1]"},
    {"or=(data->a->>b.eq.1,id.eq(any).{1,2},words.fts(simple).x)",
     "((t.\"data\" -> $1::text ->> $2::text) = $3 OR t.\"id\" = ANY ($4) OR "
     "t.\"words\" @@ pg_catalog.to_tsquery($5::pg_catalog.regconfig, $6)) [a] [b] [1] [{1,2}] [simple] [x]"},
    {"or=(and(or(and(id.eq.1))))", "((((t.\"id\" = $1)))) [1]"},
};

static void test_conditions(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(conditions); i++) {
        struct arena a;
        arena_init(&a);
        struct plan p;
        struct request r = plain_request;
        r.query = arena_printf(&a, "select=id&%s", conditions[i].query);
        plan_make(&p, &a, &test_api, &r);
        if (strcmp(conditions[i].where, "PGRST100") == 0)
            is(p.error.code, "PGRST100", conditions[i].query);
        else
            is(shown(&a, &p), arena_printf(&a, "SELECT t.\"id\"" VIEW " WHERE %s", conditions[i].where),
               conditions[i].query);
        arena_release(&a);
    }
}

static void test_operators_complete(void)
{
    static const char *const names[] = {"eq",     "gt", "gte", "lt",         "lte", "neq",   "like",  "ilike", "match",
                                        "imatch", "in", "is",  "isdistinct", "fts", "plfts", "phfts", "wfts",  "cs",
                                        "cd",     "ov", "sl",  "sr",         "nxr", "nxl",   "adj"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        bool tried = false;
        for (size_t k = 0; k < ARRAY_SIZE(conditions); k++) {
            const char *value = strchr(conditions[k].query, '=') + 1;
            tried |= strncmp(value, names[i], strlen(names[i])) == 0 && value[strlen(names[i])] == '.';
        }
        ok(tried && operator_find(names[i], strlen(names[i])), "%s is an operator, and is tried above", names[i]);
    }
    ok(!operator_find("", 0) && !operator_find("e", 1) && !operator_find("eqq", 3), "others are not");
}

static const struct {
    const char *query, *list, *keys, *params;
} selects[] = {
    {"select=id,name", "t.\"id\", t.\"name\"", "\"id\":\"name\":", ""},
    {"select= id , name ", "t.\"id\", t.\"name\"", "\"id\":\"name\":", ""},
    {"select=a:id,\"b \\\"c\":name", "t.\"id\", t.\"name\"", "\"a\":\"b \\\"c\":", ""},
    {"select=price::text,n:price::INT", "t.\"price\"::text, t.\"price\"::integer", "\"price\":\"n\":", ""},
    {"select=price::double precision", "t.\"price\"::double precision", "\"price\":", ""},
    {"select=tags,mood", "pg_catalog.to_json(t.\"tags\"), pg_catalog.to_json(t.\"mood\")", "\"tags\":\"mood\":", ""},
    {"select=tags::text", "t.\"tags\"::text", "\"tags\":", ""},
    {"select=data->a->>b,data->a->0", "(t.\"data\" -> $1::text ->> $2::text), (t.\"data\" -> $3::text -> $4::integer)",
     "\"b\":\"a\":", " [a] [b] [a] [0]"},
    {"select=data->0,x:data->>1::int", "(t.\"data\" -> $1::integer), (t.\"data\" ->> $2::integer)::integer",
     "\"data\":\"x\":", " [0] [1]"},
    {"select=tags->0", "(pg_catalog.to_jsonb(t.\"tags\") -> $1::integer)", "\"tags\":", " [0]"},
    {"select=id,name,id", "t.\"id\", t.\"name\"", "\"id\":\"name\":", ""},
    {"select=id,id:name", "t.\"name\"", "\"id\":", ""},
    {"select=id&select=name", "t.\"id\"", "\"id\":", ""},
    {"select=id&id=", "PGRST100", NULL, NULL},
};

static void test_selects(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(selects); i++) {
        struct arena a;
        arena_init(&a);
        struct plan p;
        struct request r = plain_request;
        r.query = selects[i].query;
        plan_make(&p, &a, &test_api, &r);
        if (!selects[i].keys)
            is(p.error.code, selects[i].list, r.query);
        else {
            is(shown(&a, &p), arena_printf(&a, "SELECT %s" VIEW "%s", selects[i].list, selects[i].params), r.query);
            is(keys(&a, &p), selects[i].keys, "with its keys");
        }
        arena_release(&a);
    }
}

static void test_star(void)
{
    static const char all[] =
        "SELECT t.\"id\", t.\"name\", t.\"price\", pg_catalog.to_json(t.\"tags\"), t.\"data\", "
        "t.\"words\", pg_catalog.to_json(t.\"mood\"), t.\"on \"\"sale\"\"\", t.\"unit-code\"" VIEW;
    static const char *const queries[] = {"", "select=", "select=*", "select= * ", "select=*,id", "select=id&select=*"};
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < ARRAY_SIZE(queries); i++) {
        struct plan p;
        struct request r = plain_request;
        r.query = queries[i];
        plan_make(&p, &a, &test_api, &r);
        if (i < 5)
            is(shown(&a, &p), all, "the contract's columns in their order");
        else
            is(shown(&a, &p), "SELECT t.\"id\"" VIEW, "the first select counts");
    }
    arena_release(&a);
}

static const struct {
    const char *query, *range, *end;
    long long offset, limit;
} pages[] = {
    {"order=price", "", " ORDER BY t.\"price\"", 0, -1},
    {"order=price.asc,name.desc", "", " ORDER BY t.\"price\", t.\"name\" DESC", 0, -1},
    {"order=price.desc.nullslast, name.nullsfirst", "", " ORDER BY t.\"price\" DESC NULLS LAST, t.\"name\" NULLS FIRST",
     0, -1},
    {"order=data->a->>b.desc", "", " ORDER BY (t.\"data\" -> $1::text ->> $2::text) DESC [a] [b]", 0, -1},
    {"order=data->0.desc", "", " ORDER BY (t.\"data\" -> $1::integer) DESC [0]", 0, -1},
    {"order=price&order=name", "", " ORDER BY t.\"price\"", 0, -1},
    {"limit=5", "", " ORDER BY t.\"id\" LIMIT 5", 0, 5},
    {"limit=5&offset=7&limit=6", "", " ORDER BY t.\"id\" LIMIT $1::bigint OFFSET $2::bigint [6] [7]", 7, 6},
    {"offset=7", "", " ORDER BY t.\"id\" OFFSET $1::bigint [7]", 7, -1},
    {"limit=0&offset=7", "", " ORDER BY t.\"id\" LIMIT $1::bigint OFFSET $2::bigint [0] [7]", 7, 0},
    {"limit=x&offset=1.5", "", "", 0, -1},
    {"limit= 5 &offset=-3", "", " ORDER BY t.\"id\" LIMIT 2", 0, 2},
    {"limit=1000", "", " ORDER BY t.\"id\" LIMIT 1000", 0, 1000},
    {"limit=1001", "", " ORDER BY t.\"id\" LIMIT $1::bigint OFFSET $2::bigint [1001] [0]", 0, 1001},
    {"limit=99999999999999999999", "", " ORDER BY t.\"id\" OFFSET $1::bigint [0]", 0, -1},
    {"", "10-19", " ORDER BY t.\"id\" LIMIT $1::bigint OFFSET $2::bigint [10] [10]", 10, 10},
    {"", "10-", " ORDER BY t.\"id\" OFFSET $1::bigint [10]", 10, -1},
    {"limit=5&offset=8", "10-19", " ORDER BY t.\"id\" LIMIT $1::bigint OFFSET $2::bigint [3] [10]", 10, 3},
    {"", "bytes=0-4", "", 0, -1},
    {"", "-5", "", 0, -1},
    {"", "1-2,4-5", "", 0, -1},
};

static void test_pages(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
        struct arena a;
        arena_init(&a);
        struct plan p;
        struct request r = plain_request;
        r.query = arena_printf(&a, "select=id&%s", pages[i].query);
        r.range = pages[i].range;
        plan_make(&p, &a, &test_api, &r);
        is(shown(&a, &p), arena_printf(&a, "SELECT t.\"id\"" VIEW "%s", pages[i].end), r.query);
        ok(p.offset == pages[i].offset && p.limit == pages[i].limit, "offset %lld, limit %lld", p.offset, p.limit);
        arena_release(&a);
    }
}

/* A limit stands in the text where no value of a filter decides which plan is good. */
static const struct {
    const char *query, *prefer;
    bool in_text;
} limits[] = {
    {"id=gte.3", "", true},
    {"id=gt.3&id=lt.9", "", true},
    {"price=lte.3&order=price.desc", "", true},
    {"", "count=exact", true},
    {"id=eq.3", "", false},
    {"id=not.gt.3", "", false},
    {"id=gt(any).{1,2}", "", false},
    {"id=in.(1,2)", "", false},
    {"price=gt.3", "", false},
    {"id=gt.3&name=eq.x", "", false},
    {"or=(id.gt.3,name.eq.x)", "", false},
    {"data->a=gt.3&order=data->a", "", false},
    {"id=gt.3", "count=exact", false},
};

static void test_limits(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
        struct arena a;
        arena_init(&a);
        struct plan p;
        struct request r = plain_request;
        r.query = arena_printf(&a, "select=id&limit=5&%s", limits[i].query);
        r.prefer = limits[i].prefer;
        plan_make(&p, &a, &test_api, &r);
        ok(strstr(shown(&a, &p), limits[i].in_text ? " LIMIT 5" : " LIMIT $"), "%s %s", r.query, r.prefer);
        arena_release(&a);
    }
}

static void test_max_rows(void)
{
    struct arena a;
    arena_init(&a);
    struct plan p;
    struct api capped = test_api;
    struct request r = plain_request;
    capped.max_rows = 100;
    r.query = "select=id";
    plan_make(&p, &a, &capped, &r);
    is(shown(&a, &p), "SELECT t.\"id\"" VIEW " ORDER BY t.\"id\" LIMIT 100", "the maximum cuts");
    is_int(p.limit, 100, "and is told");
    r.query = "select=id&limit=101";
    plan_make(&p, &a, &capped, &r);
    is_int(p.limit, 100, "a greater limit is cut");
    r.query = "select=id&limit=99";
    plan_make(&p, &a, &capped, &r);
    is_int(p.limit, 99, "a smaller one is not");
    r.method = "HEAD";
    r.query = "select=id";
    r.range = "3-4";
    plan_make(&p, &a, &test_api, &r);
    is(shown(&a, &p), "SELECT t.\"id\"" VIEW, "Range is for GET only");
    arena_release(&a);
}

static void test_count(void)
{
    struct arena a;
    arena_init(&a);
    struct plan p;
    struct request r = plain_request;
    r.query = "select=id,data->a&name=eq.x&limit=2&offset=4";
    r.prefer = "count=exact";
    plan_make(&p, &a, &test_api, &r);
    ok(p.counted, "count=exact: counted");
    is(shown(&a, &p),
       "SELECT n.total, p.here IS NOT NULL AS here, p.c1, p.c2 FROM (SELECT pg_catalog.count(*) AS total" VIEW
       " WHERE t.\"name\" = $1) AS n LEFT JOIN (SELECT true AS here, t.\"id\" AS c1, (t.\"data\" -> $2::text) AS "
       "c2" VIEW
       " WHERE t.\"name\" = $1 ORDER BY t.\"id\" LIMIT $3::bigint OFFSET $4::bigint) AS p ON true [x] [a] [2] [4]",
       "one statement counts and gives the page");
    is(p.preference_applied, "count=exact", "and says so");
    is(p.estimate_sql, NULL, "nothing is estimated");
    r.prefer = "count=planned";
    plan_make(&p, &a, &test_api, &r);
    ok(!p.counted && p.count == COUNT_PLANNED, "count=planned: not counted");
    is(p.estimate_sql, "EXPLAIN (FORMAT JSON) SELECT 1" VIEW " WHERE t.\"name\" = $1",
       "but explained, without the page");
    is_int(p.n_estimate_params, 1, "with the parameters of its filters");
    is(p.preference_applied, "count=planned", "and says so");
    struct api api = test_api;
    api.exact_up_to = 99;
    r.prefer = "count=estimated";
    plan_make(&p, &a, &api, &r);
    ok(p.counted && p.exact_up_to == 99, "count=estimated: counted");
    ok(strstr(shown(&a, &p), " FROM (SELECT pg_catalog.count(*) AS total FROM (SELECT 1" VIEW
                             " WHERE t.\"name\" = $1 LIMIT $2::bigint) AS m) AS n LEFT JOIN "),
       "up to a number of rows");
    is(p.params[1], "100", "and one more");
    ok(p.estimate_sql && p.n_estimate_params == 1, "and explained");
    r.prefer = "count=exact";
    r.path = "/v1/products/1";
    r.query = "";
    plan_make(&p, &a, &test_api, &r);
    ok(p.kind == PLAN_ROWS && !p.counted, "one row is not counted");
    r.prefer = "count=planned";
    plan_make(&p, &a, &test_api, &r);
    ok(p.kind == PLAN_ROWS && !p.estimate_sql, "nor estimated");
    arena_release(&a);
}

static void test_csv(void)
{
    struct arena a;
    arena_init(&a);
    struct plan p;
    struct request r = plain_request;
    r.query = "select=id,tags,d:data,\"on \\\"sale\\\"\"";
    r.accept = "text/csv;nulls=stripped";
    plan_make(&p, &a, &test_api, &r);
    is(shown(&a, &p), "SELECT t.\"id\", t.\"tags\", t.\"data\", t.\"on \"\"sale\"\"\"" VIEW,
       "CSV takes Postgres' own text of all types");
    is(p.columns[2].name, "d", "and the names as they are");
    arena_release(&a);
}

static void test_stripped_nulls(void)
{
    struct arena a;
    arena_init(&a);
    struct plan p;
    struct request r = plain_request;
    r.query = "select=id,data,tags";
    r.accept = "application/json;nulls=stripped";
    plan_make(&p, &a, &test_api, &r);
    is(shown(&a, &p),
       "SELECT t.\"id\", NULLIF(pg_catalog.json_strip_nulls(pg_catalog.to_json(t.\"data\"))::text, 'null'), "
       "NULLIF(pg_catalog.json_strip_nulls(pg_catalog.to_json(t.\"tags\"))::text, 'null')" VIEW,
       "nulls inside of JSON go too");
    ok(p.strip_nulls, "and the plan says so");
    arena_release(&a);
}

static const struct {
    const char *path, *end; /* end: behind "WHERE ", or the code of an error */
} key_paths[] = {
    {"/v1/products/42", "t.\"id\" = $1 [42]"},
    {"/v1/products/a,b", "t.\"id\" = $1 [a,b]"},
    {"/v1/products/%22a%22", "t.\"id\" = $1 [a]"},
    {"/v1/products/%22a%22b", "t.\"id\" = $1 [\"a\"b]"},
    {"/v1/products/%22a%22,b", "t.\"id\" = $1 [\"a\",b]"},
    {"/v1/products/%22", "t.\"id\" = $1 [\"]"},
    {"/v1/products/%22%22", "t.\"id\" = $1 []"},
    {"/v1/products/a%2Fb+c", "t.\"id\" = $1 [a/b+c]"},
    {"/v1/parts/NO,5", "t.\"country\" = $1 AND t.\"number\" = $2 [NO] [5]"},
    {"/v1/parts/%22N,%5C%22O%22,5", "t.\"country\" = $1 AND t.\"number\" = $2 [N,\"O] [5]"},
    {"/v1/parts/NO%2C5", "t.\"country\" = $1 AND t.\"number\" = $2 [NO] [5]"},
    {"/v1/parts/NO", "PGRST100"},
    {"/v1/parts/NO,5,6", "PGRST100"},
    {"/v1/products/", "PGRST125"},
    {"/v1/products/%00", "PGRST125"},
    {"/v1/products/%ff", "PGRST125"},
    {"/v1/logs/1", "PGRST125"},
};

static void test_key_paths(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(key_paths); i++) {
        struct arena a;
        arena_init(&a);
        struct plan p;
        struct request r = plain_request;
        r.path = key_paths[i].path;
        r.query = "limit=0&offset=3&order=number";
        if (strstr(r.path, "products"))
            r.query = "limit=0&offset=3&order=name";
        plan_make(&p, &a, &test_api, &r);
        if (strncmp(key_paths[i].end, "PGRST", 5) == 0) {
            is(p.error.code, key_paths[i].end, r.path);
        } else {
            const char *text = shown(&a, &p), *where = strstr(text, " WHERE ");
            is(where ? where + 7 : text, key_paths[i].end, r.path);
            ok(p.key_path && p.limit == -1 && p.offset == 0, "one object, whatever limit and offset say");
        }
        arena_release(&a);
    }
}

int main(void)
{
    test_conditions();
    test_operators_complete();
    test_selects();
    test_star();
    test_pages();
    test_limits();
    test_max_rows();
    test_count();
    test_csv();
    test_stripped_nulls();
    test_key_paths();
    return tap_done();
}
