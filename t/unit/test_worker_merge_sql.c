/*
 * The merge's statements, made from entity files and columns: names are quoted, every part is there that an entity
 * needs, and none that it does not.
 */
#include "lib/log.h"
#include "t/unit/tap.h"
#include "worker/merge_sql.h"

static const char vendor_json[] =
    "{\"entity\": \"vendor\", \"table\": \"dp.vendor\", \"primaryKey\": [\"client\", \"code\"], \"id\": \"id\", "
    "\"fields\": ["
    " {\"name\": \"code\", \"from\": \"/c\", \"type\": \"string\", \"constraints\": {\"required\": true}},"
    " {\"name\": \"phone\", \"from\": null, \"type\": \"string\"},"
    " {\"name\": \"name\", \"from\": \"/n\", \"type\": \"string\"}]}";
static const char product_json[] =
    "{\"entity\": \"product\", \"table\": \"dp.product\", \"primaryKey\": [\"vendor_id\", \"num\"], \"orderBy\": "
    "\"rev\","
    " \"fields\": ["
    " {\"name\": \"vendor_id\", \"from\": \"/v\", \"type\": \"string\", \"reference\": \"vendor\", \"onMissing\": "
    "\"reject\","
    "  \"constraints\": {\"required\": true}},"
    " {\"name\": \"num\", \"from\": \"/num\", \"type\": \"integer\", \"constraints\": {\"required\": true}},"
    " {\"name\": \"rev\", \"from\": \"/rev\", \"type\": \"integer\"}]}";
static const char tree_json[] =
    "{\"entity\": \"tree\", \"table\": \"dp.tree\", \"primaryKey\": [\"code\"], \"id\": \"id\", \"fields\": ["
    " {\"name\": \"code\", \"from\": \"/c\", \"type\": \"string\", \"constraints\": {\"required\": true}},"
    " {\"name\": \"parent\", \"from\": \"/p\", \"type\": \"string\", \"reference\": \"tree\", \"onMissing\": "
    "\"park\"}]}";

static struct relation_column vendor_columns[] = {
    {.name = "id", .type = "bigint"}, {.name = "client", .type = "text"}, {.name = "code", .type = "varchar(9)"},
    {.name = "name", .type = "text"}, {.name = "phone", .type = "text"},  {.name = "gone_at", .type = "timestamptz"}};
static struct relation_column product_columns[] = {
    {.name = "vendor_id", .type = "bigint"}, {.name = "num", .type = "integer"}, {.name = "rev", .type = "integer"}};
static struct relation_column tree_columns[] = {
    {.name = "id", .type = "bigint"}, {.name = "code", .type = "text"}, {.name = "parent", .type = "bigint"}};

static struct entity entities[3];
static const struct entity_set set = {.list = entities, .n = 3};
static const char *vendor_orders[] = {"id", "client,code", NULL};
static const char *product_orders[] = {"vendor_id,num", NULL};
static const char *const tree_orders[] = {"id", "code", NULL};
static struct relation relations[] = {{.schema = "dp",
                                       .table = "vendor",
                                       .columns = vendor_columns,
                                       .n_columns = ARRAY_SIZE(vendor_columns),
                                       .unique_orders = vendor_orders},
                                      {.schema = "dp",
                                       .table = "product",
                                       .columns = product_columns,
                                       .n_columns = ARRAY_SIZE(product_columns),
                                       .unique_orders = product_orders},
                                      {.schema = "dp",
                                       .table = "tree",
                                       .columns = tree_columns,
                                       .n_columns = ARRAY_SIZE(tree_columns),
                                       .unique_orders = tree_orders}};

static bool has(const char *text, const char *part)
{
    return text && strstr(text, part);
}

static void read_entities(struct arena *a)
{
    static const struct {
        const char *path, *text;
    } files[] = {{"ven'dor.json", vendor_json}, {"product.json", product_json}, {"tree.json", tree_json}};
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        const struct entity *e = entity_parse(a, files[i].path, files[i].text, strlen(files[i].text));
        if (ok(e, "%s is read", files[i].path))
            entities[i] = *e;
    }
}

static void test_quoting(struct arena *a)
{
    struct merge_sql sql;
    vendor_columns[3].name = entities[0].fields[2].name = "na\"me";
    ok(!merge_sql_build(&sql, a, &set, 0, relations), "a name with a quote in it");
    ok(has(sql.create, ", \"na\"\"me\" text)"), "stands as one identifier");
    ok(has(sql.merge, "t.\"na\"\"me\" IS DISTINCT FROM s.\"na\"\"me\""), "wherever it is used");
    ok(has(sql.merge, "e.entity = E'ven''dor'"), "the file's name stands as one string");
    vendor_columns[3].name = entities[0].fields[2].name = "name";
}

static void test_vendor(struct arena *a)
{
    struct merge_sql sql;
    ok(!merge_sql_build(&sql, a, &set, 0, relations), "an entity keyed by client, with an id, that others refer to");
    ok(has(sql.create, "\"code\" varchar(9)"), "staged in the column's type");
    ok(!has(sql.copy, "phone") && !has(sql.merge, "phone"), "a field that no source has is not touched");
    ok(has(sql.merge, "t.\"client\" = s.raw_client AND t.\"code\" = s.\"code\""), "joined by client and key");
    ok(has(sql.merge, "INSERT INTO \"dp\".\"vendor\" (\"id\", \"client\", \"code\", \"name\", raw_batch, raw_line)"),
       "inserted with id");
    ok(has(sql.merge, "SET next_id = e.next_id + d.n"), "ids are counted on");
    ok(has(sql.merge, "t.gone_at IS NOT NULL") && has(sql.merge, "gone_at = NULL"), "comes back when it was gone");
    ok(has(sql.merge, "INSERT INTO pg_temp.arrived"), "what arrived is remembered, since others may wait for it");
    ok(!has(sql.merge, "INSERT INTO raw.parked"), "nothing parks: it refers to nothing");
    ok(!sql.confirm, "so nothing old can come up late");
    ok(!sql.merge_some && !sql.duplicates_some, "no rounds: it does not refer to itself");
    ok(has(sql.duplicates, "(SELECT false AS waits)"), "among duplicates none waits for anything");
    ok(has(sql.near, "t.client = ANY (ARRAY (SELECT DISTINCT s.raw_client") && has(sql.near, "t.\"code\" BETWEEN"),
       "rows among the staged keys are found by client and key, as an index has them");
    ok(has(sql.same, "t.\"name\" IS NOT DISTINCT FROM s.\"name\"") && has(sql.same, "AND t.gone_at IS NULL"),
       "the same is what says the same and is not gone");
    ok(has(sql.merge_new, "j.\"name\", j.raw_batch, j.raw_line FROM pg_temp.stage_0 j") &&
           !has(sql.merge_new, "judged"),
       "where all is new and nothing is referred to, there is nothing to judge");
    ok(has(sql.merge_new, "SET next_id = e.next_id + ") && has(sql.merge_new, "INSERT INTO pg_temp.arrived"),
       "but ids are counted on, and what arrived is remembered");
    is(sql.fresh_copy, "COPY \"dp\".\"vendor\" (\"id\", raw_batch, raw_line, client, \"code\", \"name\") FROM STDIN",
       "and they can be copied straight in");
    ok(has(sql.fresh_count, "SET next_id = next_id + $2") && has(sql.fresh_count, "EXISTS (SELECT FROM raw.parked p"),
       "once their ids are taken, unless one is waited for");
    vendor_orders[1] = "code,client";
    ok(!merge_sql_build(&sql, a, &set, 0, relations) && !sql.near && !sql.same && !sql.merge_new,
       "no index begins with client and key: always looked up one by one");
    vendor_orders[1] = "client,code_too,code";
    ok(!merge_sql_build(&sql, a, &set, 0, relations) && !sql.near, "a column whose name only begins so is another");
    vendor_orders[1] = "client,code";
}

static void test_product(struct arena *a)
{
    struct merge_sql sql;
    ok(!merge_sql_build(&sql, a, &set, 1, relations), "an entity without id, with a reference in its key");
    ok(has(sql.create, "\"vendor_id\" varchar(9)"), "a reference is staged in the type of the key it names");
    ok(has(sql.merge, "t.\"vendor_id\" = r0.\"id\""), "and joined by the id that it leads to");
    ok(has(sql.merge, "r0.\"code\" = s.\"vendor_id\" AND r0.client = s.raw_client"), "within the client");
    ok(has(sql.merge, "WHEN (s.\"vendor_id\" IS NOT NULL AND r0.\"id\" IS NULL) THEN 'r'"), "onMissing: reject");
    ok(!has(sql.merge, "next_id"), "no ids are given");
    ok(has(sql.merge, "s.\"rev\" < t.\"rev\""), "orderBy decides what is stale");
    ok(has(sql.duplicates, "ORDER BY s.\"rev\" DESC NULLS LAST, s.raw_batch DESC"), "and which duplicate stays");
    ok(has(sql.duplicates, "(s.\"vendor_id\" IS NOT NULL AND (SELECT r0.\"id\" FROM \"dp\".\"vendor\" r0"),
       "of those that can be stored now");
    ok(!sql.near, "an index that begins with a reference is of no use for finding what is near");
    product_orders[0] = "num,vendor_id";
    product_columns[2].collation = "\"pg_catalog\".\"C\"";
    ok(!merge_sql_build(&sql, a, &set, 1, relations), "an index the other way round");
    ok(has(sql.merge_new, "LEFT JOIN \"dp\".\"product\" t ON false"), "where all is new, no key is looked up");
    ok(!sql.fresh_copy && !sql.fresh_count, "but references are, so nothing is copied straight in");
    ok(has(sql.near, "(SELECT pg_catalog.max(s.\"num\") FROM"), "the greatest key staged, by an aggregate");
    product_columns[1].type = "uuid";
    ok(!merge_sql_build(&sql, a, &set, 1, relations) && has(sql.near, "ORDER BY s.\"num\" DESC NULLS LAST LIMIT 1)"),
       "or by sorting, where its type has none");
    product_columns[1].type = "integer";
    ok(has(sql.near, "t.\"num\" BETWEEN") && !has(sql.near, "client"), "is");
    ok(has(sql.same, "t.\"vendor_id\" = (SELECT r0.\"id\" FROM \"dp\".\"vendor\" r0"), "a reference is looked up");
    ok(has(sql.create, "\"rev\" integer COLLATE \"pg_catalog\".\"C\""), "staged in the column's order of texts");
    product_columns[2].collation = NULL;
    product_orders[0] = "vendor_id,num";
    ok(!has(sql.merge, "pg_temp.arrived") && !has(sql.merge, "gone_at"), "nothing that it does not need");
}

static void test_tree(struct arena *a)
{
    struct merge_sql sql;
    ok(!merge_sql_build(&sql, a, &set, 2, relations), "an entity that refers to itself");
    ok(has(sql.merge_some, "THEN 'l'") && has(sql.merge_some, "DELETE FROM pg_temp.stage_2"), "is merged in rounds");
    ok(has(sql.same, "CASE WHEN s.\"parent\" IS NULL THEN t.\"parent\" IS NULL ELSE t.\"parent\" = (SELECT"),
       "a reference that leads nowhere is never the same");
    ok(has(sql.duplicates_some, " IN (SELECT \"code\" FROM pg_temp.stage_2)") && !has(sql.duplicates, " IN (SELECT"),
       "and so are duplicates taken out: one that waits for another staged row is left for a later round");
    ok(!sql.merge_new, "what is new may refer to what is new");
    ok(!has(sql.merge, "THEN 'l'") && !has(sql.merge, "DELETE FROM"), "of which the last takes all");
    ok(has(sql.merge, "SELECT j.raw_batch, j.raw_line, E'tree', E'parent', '', E'tree', j.k1::text"),
       "what waits does so for the key, of no client where none is in it");
    ok(has(sql.merge, "E'tree' || ' ' || ROW (") && has(sql.confirm, "p.own = E'tree' || ' ' || ROW (s."),
       "and with its own key, by which a later record of the same is found");
}

static void test_misfits(struct arena *a)
{
    struct merge_sql sql;
    relations[1].n_columns = 2;
    is(merge_sql_build(&sql, a, &set, 1, relations), "table dp.product has no column \"rev\"", "a missing column");
    relations[1].n_columns = 0;
    is(merge_sql_build(&sql, a, &set, 1, relations), "there is no table dp.product", "a missing table");
    relations[1].n_columns = 3;
    relations[0].n_columns = 2;
    is(merge_sql_build(&sql, a, &set, 1, relations),
       "table dp.vendor, which field \"vendor_id\" refers to, has no column \"code\"",
       "a reference to a missing column");
    relations[0].n_columns = ARRAY_SIZE(vendor_columns);
}

static void test_templates(struct arena *a)
{
    for (size_t i = 0; i < set.n; i++) {
        struct merge_sql sql;
        ok(!merge_sql_build(&sql, a, &set, i, relations), "%s", set.list[i].file);
        const char *const all[] = {sql.create,    sql.copy,        sql.clear,      sql.duplicates,
                                   sql.near,      sql.same,        sql.merge_some, sql.merge,
                                   sql.merge_new, sql.fresh_count, sql.fresh_copy, sql.duplicates_some};
        bool filled = true;
        for (size_t s = 0; s < ARRAY_SIZE(all); s++)
            filled &= !all[s] || !strstr(all[s], "${");
        ok(filled, "%s: no template is left half filled", set.list[i].file);
    }
}

int main(void)
{
    struct arena a;
    arena_init(&a);
    read_entities(&a);
    if (!tap_failures) {
        test_vendor(&a);
        test_product(&a);
        test_tree(&a);
        test_quoting(&a);
        test_misfits(&a);
        test_templates(&a);
    }
    arena_release(&a);
    return tap_done();
}
