/* Pages by the order's own columns: cursors, the statements that they make, the links that lead to them. */
#include "fcgi-app/cursor.h"
#include "fcgi-app/rows.h"
#include "t/unit/plan_api.h"
#include "t/unit/tap.h"

static struct arena a;

static void test_round_trip(void)
{
    static const char *const values[] = {"17", NULL, "", "a \"b\"\\\n\x01\xc3\xa9\xf0\x9f\x8c\x8d", "null", ">>>~~~"};
    for (size_t n = 1; n <= ARRAY_SIZE(values); n++) {
        const char **back;
        const char *cursor = cursor_encode(&a, "0123", values, n);
        ok(cursor[strspn(cursor, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")] == 0,
           "a URL holds it as it is");
        is(cursor_decode(&a, cursor, "0123", n, &back), NULL, "it is read again");
        for (size_t i = 0; i < n; i++)
            is(back[i], values[i], "with its value");
    }
}

static const char *base64url(const char *text)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t n = strlen(text);
    char *out = arena_alloc(&a, 2 * n + 8), *end = out;
    for (size_t bit = 0; bit < 8 * n; bit += 6) {
        unsigned two = (unsigned)(unsigned char)text[bit / 8] << 8 | (unsigned char)text[bit / 8 + 1];
        *end++ = letters[two >> (10 - bit % 8) & 63];
    }
    return out;
}

static void test_damage(void)
{
    static const char damaged[] = "It is not what a Link gave: perhaps it was cut or changed on the way.",
                      other[] = "It is of another contract or of another order.",
                      count[] = "It does not have one value for each column of the order.",
                      value[] = "One of its values is neither text nor null.";
    static const struct {
        const char *json, *fault;
    } cases[] = {
        {"[1,\"0123\",[\"7\",null]]", NULL},
        {"[1,\"0123\",[\"7\",null]]]", damaged},
        {"[1,\"0123\",[\"7\",null]", damaged},
        {"[2,\"0123\",[\"7\",null]]", damaged},
        {"[\"1\",\"0123\",[\"7\",null]]", damaged},
        {"[1,\"0123\",[\"7\",null],1]", damaged},
        {"[1,\"0123\"]", damaged},
        {"[1,7,[\"7\",null]]", damaged},
        {"{}", damaged},
        {"null", damaged},
        {"7", damaged},
        {"", damaged},
        {"[1,\"0123\",[\"\xff\",null]]", damaged},
        {"[1,\"0124\",[\"7\",null]]", other},
        {"[1,\"0123\",[\"7\"]]", count},
        {"[1,\"0123\",[\"7\",null,null]]", count},
        {"[1,\"0123\",[]]", count},
        {"[1,\"0123\",\"7\"]", count},
        {"[1,\"0123\",[\"7\",7]]", value},
        {"[1,\"0123\",[\"7\",[]]]", value},
        {"[1,\"0123\",[\"7\",\"a\\u0000b\"]]", value},
    };
    static const char *const texts[] = {"",
                                        "!",
                                        "A",
                                        "AA AA",
                                        "W10=",
                                        "W10+",
                                        "W10/",
                                        "\n[]\n",
                                        "W10\n",
                                        "\xc3\xa9"
                                        "AAA",
                                        "W1swXQ==W1swXQ",
                                        "%5B",
                                        "..",
                                        "====="};
    const char **values;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        is(cursor_decode(&a, base64url(cases[i].json), "0123", 2, &values), cases[i].fault, cases[i].json);
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        is(cursor_decode(&a, texts[i], "0123", 2, &values), damaged, "no base64url, or of nothing");
}

/* items@1, whose price is never null. */
static struct contract_column columns[] = {
    {.name = "id", .type = "integer"},
    {.name = "name", .type = "text"},
    {.name = "price", .type = "numeric(8,2)", .not_null = true},
    {.name = "tags", .type = "text[]"},
    {.name = "data", .type = "jsonb"},
};
static struct contract things = {
    .view = "v_things_v1", .entity = "things", .version = 1, .columns = columns, .n_columns = 5, .key = product_key};
static struct api_contract contracts[] = {{.contract = &parts_1}, {.contract = &things}};
static const struct api api = {.contracts = contracts, .n = 2, .max_depth = 4, .aggregates = true};

static struct plan plan_of(const char *path, const char *query)
{
    struct plan p;
    struct request r = plain_request;
    r.path = path;
    r.query = query;
    plan_make(&p, &a, &api, &r);
    return p;
}

/* A cursor for the order of p with these values. */
static const char *cursor_of(const struct plan *p, const char *const *values)
{
    return p->pages ? cursor_encode(&a, p->pages->order, values, p->pages->n) : "none";
}

/* What the statement says behind FROM, and its parameters. */
static const char *behind(const struct plan *p)
{
    if (p->kind != PLAN_ROWS)
        return p->error.details;
    const char *s = strstr(p->sql, " AS t") + strlen(" AS t");
    for (int i = 0; i < p->n_params; i++)
        s = arena_printf(&a, "%s [%s]", s, p->params[i]);
    return s;
}

#define END " LIMIT 2"

static const struct {
    const char *order, *values[3], *where, *order_by;
} orders[] = {
    {"", {"7"}, "t.\"id\" > $1", "t.\"id\""},
    {"id", {"7"}, "t.\"id\" > $1", "t.\"id\""},
    {"id.desc", {"7"}, "t.\"id\" < $1", "t.\"id\" DESC"},
    {"price", {"1.5", "7"}, "(t.\"price\", t.\"id\") > ($1, $2)", "t.\"price\", t.\"id\""},
    {"price.desc", {"1.5", "7"}, "(t.\"price\", t.\"id\") < ($1, $2)", "t.\"price\" DESC, t.\"id\" DESC"},
    {"price,price.desc,id,name",
     {"1.5", "7"},
     "(t.\"price\", t.\"id\") > ($1, $2)",
     "t.\"price\", t.\"price\" DESC, t.\"id\", t.\"name\""},
    {"price.desc,id.asc",
     {"1.5", "7"},
     "(t.\"price\" <= $1) AND (t.\"price\" < $1 OR (t.\"price\" = $1 AND (t.\"id\" > $2)))",
     "t.\"price\" DESC, t.\"id\""},
    {"name",
     {"x", "7"},
     "(t.\"name\" >= $1 OR t.\"name\" IS NULL) AND (t.\"name\" > $1 OR t.\"name\" IS NULL OR (t.\"name\" = $1 AND "
     "(t.\"id\" > $2)))",
     "t.\"name\", t.\"id\""},
    {"name",
     {NULL, "7"},
     "(t.\"name\" IS NULL) AND (false OR (t.\"name\" IS NULL AND (t.\"id\" > $1)))",
     "t.\"name\", t.\"id\""},
    {"name.nullsfirst",
     {"x", "7"},
     "(t.\"name\" >= $1) AND (t.\"name\" > $1 OR (t.\"name\" = $1 AND (t.\"id\" > $2)))",
     "t.\"name\" NULLS FIRST, t.\"id\""},
    {"name.desc",
     {NULL, "7"},
     "(t.\"name\" IS NOT NULL OR (t.\"name\" IS NULL AND (t.\"id\" < $1)))",
     "t.\"name\" DESC, t.\"id\" DESC"},
    {"name.desc.nullslast,price",
     {"x", "2", "7"},
     "(t.\"name\" <= $1 OR t.\"name\" IS NULL) AND (t.\"name\" < $1 OR t.\"name\" IS NULL OR (t.\"name\" = $1 AND "
     "(t.\"price\" > $2 OR (t.\"price\" = $2 AND (t.\"id\" > $3)))))",
     "t.\"name\" DESC NULLS LAST, t.\"price\", t.\"id\""},
};

static void test_statements(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
        const char *order = *orders[i].order ? arena_printf(&a, "order=%s&", orders[i].order) : "";
        struct plan first = plan_of("/v1/things", arena_printf(&a, "%slimit=2", order));
        ok(strstr(behind(&first), arena_printf(&a, " ORDER BY %s LIMIT", orders[i].order_by)),
           "order=%s ends in the key", orders[i].order);
        const char *cursor = cursor_of(&first, orders[i].values);
        struct plan p = plan_of("/v1/things", arena_printf(&a, "%slimit=2&after=%s", order, cursor));
        const char *start = arena_printf(&a, " WHERE %s ORDER BY %s" END, orders[i].where, orders[i].order_by);
        is(arena_memdup(&a, behind(&p), strlen(behind(&p)) < strlen(start) ? strlen(behind(&p)) : strlen(start)), start,
           "what is behind a row");
        ok(p.after && p.pages, "it leads on");
    }
    struct plan p = plan_of("/v1/parts", "limit=1");
    static const char *const values[] = {"it", "7"};
    p = plan_of("/v1/parts", arena_printf(&a, "number=lt.9&limit=1&after=%s", cursor_of(&p, values)));
    is(behind(&p),
       " WHERE t.\"number\" < $1 AND (t.\"country\", t.\"number\") > ($2, $3) ORDER BY t.\"country\", t.\"number\""
       " LIMIT $4::bigint OFFSET $5::bigint [9] [it] [7] [1] [0]",
       "filters stay, a key has several columns");
}

static void test_hidden(void)
{
    struct plan p = plan_of("/v1/things", "order=price&limit=2");
    is_int((long long)p.n_hidden, 0, "columns that are written as they are serve");
    ok(p.pages->columns[0] == 2 && p.pages->columns[1] == 0, "from their places");
    p = plan_of("/v1/things", "select=price:name,id::text,tags&order=price,tags&limit=2");
    ok(strstr(p.sql,
              "t.\"name\", t.\"id\"::text, pg_catalog.to_json(t.\"tags\"), t.\"price\", t.\"tags\", t.\"id\" FROM"),
       "others come behind them");
    is_int((long long)p.n_columns, 3, "and are not written");
    ok(p.pages->columns[0] == 3 && p.pages->columns[1] == 4 && p.pages->columns[2] == 5, "but found");
}

static const struct {
    const char *path, *query, *range, *next;
} links[] = {
    {"/v1/things", "limit=2", "", "/v1/things?limit=2&after="},
    {"/v1/things", "offset=4&limit=2&select=id&after=", "", NULL},
    {"/v1/things", "offset=4&limit=2&%6fffset=3&x&name=eq.a%26b", "", "/v1/things?limit=2&name=eq.a%26b&after="},
    {"/v1/things", "limit=9&order=id", "4-5", "/v1/things?order=id&limit=2&after="},
    {"/v1/things", "order=name,data->a&limit=2", "", NULL},
    {"/v1/things", "order=id,data->a&limit=2", "", "/v1/things?order=id,data-%3Ea&limit=2&after="},
    {"/v1/things", "select=count()&limit=2", "", NULL},
    {"/v1/things", "select=id", "", NULL},
    {"/v1/things", "limit=0", "", NULL},
    {"/v1/things/7", "limit=2", "", NULL},
};

static void test_links(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
        struct plan p;
        struct request r = plain_request;
        r.path = links[i].path;
        r.query = links[i].query;
        r.range = links[i].range;
        plan_make(&p, &a, &api, &r);
        is(p.pages ? p.pages->target : NULL, links[i].next, r.query);
    }
}

static void test_refusals(void)
{
    static const char *const values[] = {"7"};
    struct plan by_id = plan_of("/v1/things", "limit=2");
    const char *cursor = cursor_of(&by_id, values);
    const char *const queries[] = {
        "after=",
        "after=x",
        arena_printf(&a, "order=id.desc&after=%s", cursor),
        arena_printf(&a, "order=price&after=%s", cursor),
        arena_printf(&a, "order=data->a&after=%s", cursor),
        arena_printf(&a, "select=count()&after=%s", cursor),
    };
    for (size_t i = 0; i < ARRAY_SIZE(queries); i++) {
        struct plan p = plan_of("/v1/things", queries[i]);
        ok(p.kind == PLAN_ERROR && p.error.status == 400 && strcmp(p.error.code, "PGRST100") == 0 && p.error.details &&
               p.error.hint,
           "refused: %s", queries[i]);
    }
    struct plan p = plan_of("/v1/parts", arena_printf(&a, "after=%s", cursor));
    is(p.error.details, "It is of another contract or of another order.", "nor is it good for another contract");
    p = plan_of("/v1/things", arena_printf(&a, "after=%s", cursor));
    is(behind(&p), " WHERE t.\"id\" > $1 ORDER BY t.\"id\" [7]", "without a limit too");
    p = plan_of("/v1/things", "limit=1&\"after\"=eq.1");
    is(p.error.code, "42703", "in quotes it is a column");
}

int main(void)
{
    arena_init(&a);
    test_round_trip();
    test_damage();
    test_statements();
    test_hidden();
    test_links();
    test_refusals();
    arena_release(&a);
    return tap_done();
}
