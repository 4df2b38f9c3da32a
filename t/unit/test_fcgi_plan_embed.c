/* What plan_make() asks of Postgres for embeds and aggregates, and what it refuses. */
#include "t/unit/plan_api.h"
#include "t/unit/tap.h"

static const char *shown(struct arena *a, const struct plan *p)
{
    if (p->kind != PLAN_ROWS)
        return arena_printf(a, "%s: %s: %s: %s", p->error.code, p->error.message, p->error.details, p->error.hint);
    const char *s = p->sql;
    for (int i = 0; i < p->n_params; i++)
        s = arena_printf(a, "%s [%s]", s, p->params[i]);
    return s;
}

/* Pieces of the statements. */
#define VALUE(n, x)       ", $" n "::text || COALESCE(pg_catalog.to_json(" x ")::text, 'null')"
#define OBJECT(values)    "'{' || pg_catalog.concat_ws(','" values ") || '}'"
#define ONE(values, rows) "(SELECT " OBJECT(values) rows " LIMIT 1)"
#define MANY(values, rows)                                                                                             \
    "(SELECT '[' || COALESCE(pg_catalog.string_agg(r.o, ','), '') || ']' FROM (SELECT " OBJECT(values) " AS o" rows    \
                                                                                                       ") AS r)"
#define LISTED(value, rows)                                                                                            \
    "(SELECT '[' || COALESCE(pg_catalog.string_agg(COALESCE(r.o, 'null'), ','), '') || ']' FROM (SELECT " value        \
    " AS o" rows ") AS r)"
#define VIEW(name, row) " FROM \"api\".\"v_" name "_v1\" AS " row
#define ITEMS           VIEW("items", "t")
#define VENDOR          VIEW("vendors", "t1") " WHERE t1.\"id\" = t.\"vendor_id\""
#define MAKER           VIEW("vendors", "t1") " WHERE t1.\"id\" = t.\"maker_id\""
#define BATCHES         VIEW("batches", "t1") " WHERE t1.\"item_id\" = t.\"id\""
#define VENDOR_NAME     ONE(VALUE("1", "t1.\"name\""), VENDOR)
#define BATCH_IDS       MANY(VALUE("1", "t1.\"id\""), BATCHES)

static const struct {
    const char *query, *sql; /* sql: behind "SELECT ", and the parameters */
} embeds[] = {
    /* many-to-one, by every name it has */
    {"select=vendor(name)", VENDOR_NAME ITEMS " [\"name\":]"},
    {"select=vendor_id(name)", VENDOR_NAME ITEMS " [\"name\":]"},
    {"select=vendors!vendor(name)", VENDOR_NAME ITEMS " [\"name\":]"},
    {"select=vendors!vendor_id!left(name)", VENDOR_NAME ITEMS " [\"name\":]"},
    {"select=maker:vendors!maker_id(n:name)", ONE(VALUE("1", "t1.\"name\""), MAKER) ITEMS " [\"n\":]"},
    {"select=id,vendor( id , x:name::text , moods->0)",
     "t.\"id\", " ONE(VALUE("1", "t1.\"id\"") VALUE("2", "t1.\"name\"::text")
                          VALUE("3", "(pg_catalog.to_jsonb(t1.\"moods\") -> $4::integer)"),
                      VENDOR) ITEMS " [\"id\":] [\"x\":] [\"moods\":] [0]"},
    /* a contract that refers to itself: by the key the one, by the entity the many */
    {"select=parent(id)",
     ONE(VALUE("1", "t1.\"id\""), VIEW("items", "t1") " WHERE t1.\"id\" = t.\"parent_id\"") ITEMS " [\"id\":]"},
    {"select=items(id)",
     MANY(VALUE("1", "t1.\"id\""), VIEW("items", "t1") " WHERE t1.\"parent_id\" = t.\"id\"") ITEMS " [\"id\":]"},
    /* one-to-many; of several versions the origin's; one-to-one */
    {"select=batches(id)", BATCH_IDS ITEMS " [\"id\":]"},
    {"select=batches!item(id)", BATCH_IDS ITEMS " [\"id\":]"},
    {"select=batches!item_id(id)", BATCH_IDS ITEMS " [\"id\":]"},
    {"select=sheets(lot)",
     ONE(VALUE("1", "t1.\"lot\""), VIEW("sheets", "t1") " WHERE t1.\"item_id\" = t.\"id\"") ITEMS " [\"lot\":]"},
    /* many-to-many */
    {"select=parts(number)",
     MANY(VALUE("1", "t1.\"number\""),
          VIEW("parts", "t1") " WHERE EXISTS (SELECT" VIEW(
              "uses", "j1") " WHERE j1.\"item_id\" = t.\"id\" AND "
                            "j1.\"country\" = t1.\"country\" AND j1.\"number\" = t1.\"number\")") ITEMS
     " [\"number\":]"},
    {"select=items!second(id)",
     MANY(VALUE("1", "t1.\"id\""), VIEW("items", "t1") " WHERE EXISTS (SELECT" VIEW(
                                       "pairs", "j1") " WHERE j1.\"one\" = t.\"id\" AND "
                                                      "j1.\"other\" = t1.\"id\")") ITEMS " [\"id\":]"},
    {"select=uses(number)",
     MANY(VALUE("1", "t1.\"number\""), VIEW("uses", "t1") " WHERE t1.\"item_id\" = t.\"id\"") ITEMS " [\"number\":]"},
    /* conditions, order, rows */
    {"select=vendor(name)&vendor.name=eq.x&id=gt.1",
     ONE(VALUE("2", "t1.\"name\""), VENDOR " AND t1.\"name\" = $3") ITEMS " WHERE t.\"id\" > $1 [1] [\"name\":] [x]"},
    {"select=batches(id)&batches.lot=eq.a&batches.order=lot.desc,id&batches.limit=2&batches.offset=1",
     MANY(VALUE("1", "t1.\"id\""), BATCHES " AND t1.\"lot\" = $2 ORDER BY t1.\"lot\" DESC, t1.\"id\" "
                                           "LIMIT $3::bigint OFFSET $4::bigint") ITEMS " [\"id\":] [a] [2] [1]"},
    {"select=b:batches(id)&b.limit=2",
     MANY(VALUE("1", "t1.\"id\""), BATCHES " ORDER BY t1.\"id\" LIMIT 2") ITEMS " [\"id\":]"},
    {"select=vendor(name),batches(id)&vendor.name=eq.x&batches.limit=2",
     ONE(VALUE("1", "t1.\"name\""), VENDOR " AND t1.\"name\" = $2") ", " MANY(
         VALUE("3", "t2.\"id\""), VIEW("batches", "t2") " WHERE t2.\"item_id\" = t.\"id\" ORDER BY t2.\"id\" "
                                                        "LIMIT $4::bigint OFFSET $5::bigint") ITEMS
     " [\"name\":] [x] [\"id\":] [2] [0]"},
    {"select=batches(id)&batches.not.or=(lot.is.null,id.eq.1)",
     MANY(VALUE("1", "t1.\"id\""), BATCHES " AND NOT (t1.\"lot\" IS NULL OR t1.\"id\" = $2)") ITEMS " [\"id\":] [1]"},
    {"select=batches(item(name))&batches.item.name=eq.x",
     MANY(", $1::text || COALESCE(" ONE(VALUE("2", "t2.\"name\""),
                                        VIEW("items", "t2") " WHERE t2.\"id\" = "
                                                            "t1.\"item_id\" AND t2.\"name\" = $3") ", 'null')",
          BATCHES) ITEMS " [\"item\":] [\"name\":] [x]"},
    /* what it does to the rows above */
    {"select=id,vendor!inner()", "t.\"id\"" ITEMS " WHERE EXISTS (SELECT" VENDOR ")"},
    {"select=id,batches()&batches=is.null", "t.\"id\"" ITEMS " WHERE NOT EXISTS (SELECT" BATCHES ")"},
    {"select=id,batches()&batches=not.is.null&batches.id=eq.1",
     "t.\"id\"" ITEMS " WHERE EXISTS (SELECT" BATCHES " AND t1.\"id\" = $1) [1]"},
    {"select=id,batches()&batches=is.not_null", "t.\"id\"" ITEMS " WHERE EXISTS (SELECT" BATCHES ")"},
    {"select=id,batches(),vendor()&or=(batches.is.null,vendor.not.is.null)",
     "t.\"id\"" ITEMS " WHERE (NOT EXISTS (SELECT" BATCHES
     ") OR EXISTS (SELECT" VIEW("vendors", "t2") " WHERE t2.\"id\" = t.\"vendor_id\"))"},
    {"select=id,vendor()&vendor.name=eq.x", "t.\"id\"" ITEMS},
    {"select=vendor()", ITEMS},
    {"select=id,vendor()&order=vendor(name).desc.nullslast,id",
     "t.\"id\"" ITEMS " ORDER BY (SELECT t1.\"name\"" VENDOR " LIMIT 1) DESC NULLS LAST, t.\"id\""},
    /* spread */
    {"select=id,...vendor(v:name,moods)",
     "t.\"id\", (SELECT t1.\"name\"" VENDOR " LIMIT 1), pg_catalog.to_json((SELECT t1.\"moods\"" VENDOR
     " LIMIT 1))" ITEMS},
    {"select=...batches(b:id,lot)&batches.order=lot",
     LISTED("pg_catalog.to_json(t1.\"id\")::text", BATCHES " ORDER BY t1.\"lot\", t1.\"id\"") ", " LISTED(
         "pg_catalog.to_json(t1.\"lot\")::text", BATCHES " ORDER BY t1.\"lot\", t1.\"id\"") ITEMS},
    {"select=...notes(lot)",
     LISTED("pg_catalog.to_json(t1.\"lot\")::text",
            VIEW("notes", "t1") " WHERE t1.\"item_id\" = t.\"id\" ORDER BY (t1.*)::text") ITEMS},
    /* aggregates */
    {"select=count()", "pg_catalog.count(*)" ITEMS},
    {"select=name,n:price.sum(),price::integer.avg()::text",
     "t.\"name\", pg_catalog.sum(t.\"price\"), pg_catalog.avg(t.\"price\"::integer)::text" ITEMS
     " GROUP BY t.\"name\""},
    {"select=name,count()&order=name.desc&limit=2",
     "t.\"name\", pg_catalog.count(*)" ITEMS " GROUP BY t.\"name\" ORDER BY t.\"name\" DESC LIMIT 2"},
    {"select=name,id.max()&limit=2",
     "t.\"name\", pg_catalog.max(t.\"id\")" ITEMS " GROUP BY t.\"name\" ORDER BY t.\"name\" LIMIT 2"},
    {"select=data,count()", "pg_catalog.to_json(t.\"data\")::text, pg_catalog.count(*)" ITEMS
                            " GROUP BY pg_catalog.to_json(t.\"data\")::text"},
    {"select=...vendor(name),id.min()&order=vendor(name)",
     "(SELECT t1.\"name\"" VENDOR " LIMIT 1), pg_catalog.min(t.\"id\")" ITEMS " GROUP BY (SELECT t1.\"name\"" VENDOR
     " LIMIT 1) ORDER BY (SELECT t1.\"name\"" VENDOR " LIMIT 1)"},
    {"select=batches(lot,count())", MANY(VALUE("1", "t1.\"lot\"") VALUE("2", "pg_catalog.count(*)"),
                                         BATCHES " GROUP BY t1.\"lot\"") ITEMS " [\"lot\":] [\"count\":]"},
};

static struct plan plan_of(struct arena *a, const struct api *api, const char *query)
{
    struct plan p;
    struct request r = plain_request;
    r.path = "/v1/items";
    r.query = query;
    plan_make(&p, a, api, &r);
    return p;
}

static void test_embeds(void)
{
    struct api api = test_api;
    api.aggregates = true;
    for (size_t i = 0; i < ARRAY_SIZE(embeds); i++) {
        struct arena a;
        arena_init(&a);
        struct plan p = plan_of(&a, &api, embeds[i].query);
        is(shown(&a, &p), arena_printf(&a, "SELECT %s", embeds[i].sql), embeds[i].query);
        arena_release(&a);
    }
}

/* What is not the same for every request: a count, the maximum of rows, nulls, another level of inner embeds. */
static void test_circumstances(void)
{
    struct arena a;
    arena_init(&a);
    struct api api = test_api;
    struct plan p;
    struct request r = plain_request;
    r.path = "/v1/items";
    r.query = "select=id,batches!inner(id,item!inner())&limit=3";
    r.prefer = "count=exact";
    plan_make(&p, &a, &api, &r);
#define INNER                                                                                                          \
    ITEMS " WHERE EXISTS (SELECT" BATCHES                                                                              \
          " AND EXISTS (SELECT" VIEW("items", "t2") " WHERE t2.\"id\" = t1.\"item_id\"))"
    is(shown(&a, &p),
       "SELECT n.total, p.here IS NOT NULL AS here, p.c1, p.c2 FROM (SELECT pg_catalog.count(*) AS total" INNER
       ") AS n LEFT JOIN (SELECT true AS here, t.\"id\" AS c1, " MANY(
           VALUE("1", "t1.\"id\""),
           BATCHES " AND EXISTS (SELECT" VIEW(
               "items", "t2") " WHERE t2.\"id\" = t1.\"item_id\")") " AS c2" INNER
                                                                    " ORDER BY t.\"id\" LIMIT 3) AS p ON true "
                                                                    "[\"id\":]",
       "a count counts what inner embeds leave");
    api.aggregates = true;
    r.query = "select=name,count()";
    plan_make(&p, &a, &api, &r);
    is(shown(&a, &p),
       "SELECT n.total, p.here IS NOT NULL AS here, p.c1, p.c2 FROM (SELECT pg_catalog.count(*) AS total FROM "
       "(SELECT pg_catalog.count(*)" ITEMS " GROUP BY t.\"name\") AS m) AS n LEFT JOIN (SELECT true AS here, "
       "t.\"name\" AS c1, pg_catalog.count(*) AS c2" ITEMS " GROUP BY t.\"name\") AS p ON true",
       "or groups, where there are some");
    r.prefer = "";
    r.query = "select=batches(id),vendor(id)&batches.limit=200";
    api.max_rows = 100;
    plan_make(&p, &a, &api, &r);
    const char *batches = MANY(VALUE("1", "t1.\"id\""), BATCHES " ORDER BY t1.\"id\" LIMIT 100"),
               *vendor = ONE(VALUE("2", "t2.\"id\""), VIEW("vendors", "t2") " WHERE t2.\"id\" = t.\"vendor_id\"");
    is(shown(&a, &p),
       arena_printf(&a, "SELECT %s, %s, t.\"id\"" ITEMS " ORDER BY t.\"id\" LIMIT 100 [\"id\":] [\"id\":]", batches,
                    vendor),
       "the maximum holds for each to-many");
    r.query = "select=vendor(id,moods)";
    r.accept = "application/json;nulls=stripped";
    api.max_rows = 0;
    plan_make(&p, &a, &api, &r);
    is(shown(&a, &p),
       "SELECT (SELECT '{' || pg_catalog.concat_ws(',', $1::text || pg_catalog.to_json(t1.\"id\")::text, $2::text || "
       "NULLIF(pg_catalog.json_strip_nulls(pg_catalog.to_json(t1.\"moods\"))::text, 'null')) || '}'" VENDOR
       " LIMIT 1)" ITEMS " [\"id\":] [\"moods\":]",
       "nulls are stripped inside too");
    arena_release(&a);
}

static const struct {
    const char *query, *code, *text; /* text: in message, details or hint */
} refusals[] = {
    {"select=vendors(*)", "PGRST201",
     "[{\"cardinality\":\"many-to-one\",\"embedding\":\"items with vendors\",\"relationship\":\"vendor using "
     "items(vendor_id) and vendors(id)\"},{\"cardinality\":\"many-to-one\",\"embedding\":\"items with "
     "vendors\",\"relationship\":\"maker_id using items(maker_id) and vendors(id)\"}]"},
    {"select=vendors(*)", "PGRST201",
     "Try changing 'vendors' to one of the following: 'vendors!vendor', 'vendors!maker_id'."},
    {"select=items!pairs(*)", "PGRST201",
     "{\"cardinality\":\"many-to-many\",\"embedding\":\"items with items\",\"relationship\":\"pairs using "
     "pairs(one) and pairs(other)\"}"},
    {"select=vendor!nothing(*)", "PGRST200", "using the hint 'nothing'"},
    {"select=vendr(*)", "PGRST200", "Perhaps you meant 'vendor' instead of 'vendr'."},
    {"select=absent(*)", "PGRST200", NULL},
    {"select=broken(*)", "PGRST200", NULL},
    {"select=products(*)", "PGRST200", NULL},
    {"select=item(*)", "PGRST200", NULL},
    {"select=stock(*)", "ORIEL001", "v_stock_v1 is not there"},
    {"select=batches(item(stock()))", "ORIEL001", NULL},
    {"select=vendor(nme)", "42703", "column vendors.nme does not exist"},
    {"select=vendor(name)&vendor.nme=eq.1", "42703", "Perhaps you meant to reference the column \"vendors.name\"."},
    {"select=vendor(name)&vendors.name=eq.1", "PGRST108", "'vendors' is not an embedded resource"},
    {"select=batches(item(id))&item.id=eq.1", "PGRST108", "'item' is not"},
    {"select=id&order=vendor(name)", "PGRST108", "'vendor' is not"},
    {"select=batches(id)&order=batches(id)", "PGRST118", "'items' and 'batches' do not form"},
    {"select=batches(id)&batches.limit=-1", "PGRST103", NULL},
    {"select=batches(item(batches(item(batches(id)))))", "PGRST100", "Embeds are nested more than 4 deep."},
    {"select=vendor(name", "PGRST100", "unexpected end of input expecting"},
    {"select=vendor(name))", "PGRST100", NULL},
    {"select=vendor!(name)", "PGRST100", NULL},
    {"select=vendor!inner!left!x(name)", "PGRST100", NULL},
    {"select=x:...vendor(name)", "PGRST100", NULL},
    {"select=vendor(id)&order=vendor(id", "PGRST100", NULL},
    {"select=count()&order=name", "42803", "column \"name\" must be selected"},
    {"select=price,count()&order=vendor(name)", "PGRST108", NULL},
    {"select=...batches(id.max())", "PGRST127", "Ask for 'batches' without the three dots."},
    {"select=...batches(id,...item(id.max()))", "PGRST127", NULL},
    {"select=vendor(id,count().sum())", "PGRST100", NULL},
};

static void test_refusals(void)
{
    struct api api = test_api;
    api.aggregates = true;
    for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
        struct arena a;
        arena_init(&a);
        struct plan p = plan_of(&a, &api, refusals[i].query);
        is(p.error.code, refusals[i].code, refusals[i].query);
        ok(!refusals[i].text || strstr(shown(&a, &p), refusals[i].text), "%s", shown(&a, &p));
        arena_release(&a);
    }
    struct arena a;
    arena_init(&a);
    struct plan p = plan_of(&a, &test_api, "select=vendors(*)");
    is_int(p.error.status, 300, "several choices");
    p = plan_of(&a, &test_api, "select=batches(id.max())");
    is(p.error.code, "PGRST123", "aggregates are off unless they are on");
    p = plan_of(&a, &test_api, "select=stock(*)");
    is_int(p.error.status, 503, "withheld");
    arena_release(&a);
}

/* Every part of a request that can be said many times has an end. */
static void test_limits(void)
{
    struct arena a;
    struct buf query;
    struct plan p;
    arena_init(&a);
    buf_init(&query, 1 << 20);
    buf_puts(&query, "select=vendor(id)");
    for (int i = 1; i < 100; i++)
        buf_printf(&query, ",v%d:vendor(id)", i);
    p = plan_of(&a, &test_api, buf_str(&query));
    ok(p.kind == PLAN_ROWS && p.n_columns == 100, "a hundred embeds");
    buf_puts(&query, ",x:vendor(id)");
    p = plan_of(&a, &test_api, buf_str(&query));
    is(p.error.details, "At most 100 relations can be embedded.", "one more is refused");
    buf_reset(&query);
    buf_puts(&query, "select=vendor(id");
    for (int i = 1; i < 999; i++)
        buf_printf(&query, ",n%d:name", i);
    p = plan_of(&a, &test_api, arena_printf(&a, "%s)", buf_str(&query)));
    ok(p.kind == PLAN_ROWS && p.n_params == 999, "an embed of 999 columns");
    p = plan_of(&a, &test_api, arena_printf(&a, "%s,x:name)", buf_str(&query)));
    is(p.error.details, "At most 1000 columns can be selected.", "all levels are counted together");
    /* conditions that each hold the conditions below them: 30 * 30 * 30 of the lowest */
    buf_reset(&query);
    buf_puts(&query, "select=id,batches(item(batches(id)))");
    for (int i = 0; i < 30; i++)
        buf_puts(&query, "&batches=not.is.null&batches.item=not.is.null&batches.item.batches=not.is.null");
    p = plan_of(&a, &test_api, buf_str(&query));
    is(p.error.message, "The query asks for more than one statement can hold", "conditions that multiply");
    buf_release(&query);
    arena_release(&a);
}

int main(void)
{
    test_embeds();
    test_circumstances();
    test_refusals();
    test_limits();
    return tap_done();
}
