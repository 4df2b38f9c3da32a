/*
 * Fields that no entity file asks for, and fields that are missing: what is counted, and what it costs a hostile file.
 */
#include "t/unit/tap.h"
#include "worker/field_count.h"
#include "worker/field_rename.h"
#include "worker/json_read.h"

#define FROM(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct field product_fields[] = {
    {.name = "id", .from = FROM("/id")},
    {.name = "name", .from = FROM("name")},
    {.name = "maker", .from = FROM("/vendor/id")},
    {.name = "note", .from = FROM("/a~1b", "/notes/0/text")},
    {.name = "fixed", .from = (const char *const[]){NULL}, .default_text = "x"},
};
static struct field tag_fields[] = {{.name = "tags", .from = FROM("/tags")},
                                    {.name = "first", .from = FROM("/tags/main")}};
static const struct entity product = {
    .file = "product", .fields = product_fields, .n_fields = ARRAY_SIZE(product_fields)};
static const struct entity tag = {.file = "tag", .fields = tag_fields, .n_fields = ARRAY_SIZE(tag_fields)};
static const struct entity *const both[] = {&product, &tag, NULL};
static const struct source source = {.entities = both, .n_entities = 2};

static struct arena a;

static void take(struct field_count *f, const char *json)
{
    struct json_mistake mistake;
    struct document d = {.json = json_read(json, strlen(json), &a, &mistake)};
    if (!d.json)
        abort();
    field_count_record(f, &d, &a);
}

/* "place=n" for what is unknown, "-place=n" for what is missing. */
static const char *told(struct field_count *f)
{
    size_t n;
    const struct field_deviation *list = field_count_list(f, &a, &n);
    const char *text = "";
    for (size_t i = 0; i < n; i++)
        text =
            arena_printf(&a, "%s%s%s%s=%lld", text, i ? " " : "", list[i].asked ? "-" : "", list[i].place, list[i].n);
    return text;
}

static void test_json(void)
{
    static const char whole[] =
        "{\"id\":1,\"name\":\"n\",\"vendor\":{\"id\":7},\"a/b\":1,\"notes\":[{\"text\":\"t\"}],\"tags\":{\"main\":1}";
    struct field_count f;
    field_count_init(&f, &source);
    is(told(&f), "", "no record, nothing");
    take(&f, arena_printf(&a, "%s}", whole));
    is(told(&f), "", "all that is asked for is there, and nothing else");
    take(&f, arena_printf(&a, "%s,\"x\":null,\"y\":{\"z\":[1]}}", whole));
    take(&f, arena_printf(&a, "%s,\"x\":3,\"x\":4}", whole));
    is(told(&f), "/x=2 /y=1",
       "unknown keys, by records; nothing below them, null is a value, a key that stands twice is one");
    field_count_reset(&f);
    is(told(&f), "", "forgotten");
    take(&f, "{\"vendor\":{\"nmae\":1,\"id\":2,\"q~/"
             "r\":1},\"tags\":{\"main\":1,\"more\":[{\"deep\":1}]},\"notes\":[{\"txt\":1},{\"far\":2}]}");
    take(&f, "{\"vendor\":\"Hansen\",\"tags\":7,\"notes\":null}");
    take(&f, "[1,2]");
    is(told(&f),
       "-/id=3 -name=3 /vendor=1 -/vendor/id=2 -/a~1b=3 -/notes/0/text=3 -/tags=1 -/tags/main=2 "
       "/vendor/nmae=1 /vendor/q~0~1r=1 /notes/0/txt=1",
       "below what is asked for in part; what lies in a whole that is asked for is not unknown");
    field_count_release(&f);
}

static void test_order_of_keys(void)
{
    struct field_count f;
    field_count_init(&f, &source);
    for (int i = 0; i < 100; i++)
        take(&f, i % 3 ? "{\"u\":1,\"id\":1,\"v\":2,\"name\":\"\"}" : "{\"name\":\"\",\"v\":2,\"w\":{},\"id\":1}");
    is(told(&f), "-/vendor/id=100 -/a~1b=100 -/notes/0/text=100 -/tags=100 -/tags/main=100 /v=100 /w=34 /u=66",
       "whatever the order of the keys");
    field_count_release(&f);
}

static void test_hostile(void)
{
    struct field_count f;
    long long named = 0;
    size_t n;
    field_count_init(&f, &source);
    for (int i = 0; i < 3000; i++)
        take(&f, arena_printf(&a, "{\"k%d\":1,\"l%d\":2,\"%0200d\":3}", i, i, 1));
    const struct field_deviation *list = field_count_list(&f, &a, &n);
    for (size_t i = 0; i < n; i++)
        if (!list[i].asked && *list[i].place)
            named++;
    is_int(named, MOST_UNKNOWN_FIELDS, "so many are told apart");
    is(list[n - 1].place, "", "the others are counted together");
    is_int(list[n - 1].n, 9000 - MOST_UNKNOWN_FIELDS, "each time");
    field_count_release(&f);
}

static void take_row(struct field_count *f, const struct header *h)
{
    field_count_record(f, &(struct document){.header = h}, &a);
}

static struct field column_fields[] = {{.name = "id", .from = FROM("/id")},
                                       {.name = "name", .from = FROM("Name")},
                                       {.name = "third", .from = FROM("#3")},
                                       {.name = "late", .from = FROM("#5")}};
static const struct entity sheet = {.file = "e", .fields = column_fields, .n_fields = ARRAY_SIZE(column_fields)};
static const struct entity *const one[] = {&sheet, NULL};
static const struct source csv = {.entities = one, .n_entities = 1, .format = {.kind = FORMAT_CSV}};

static void test_columns(void)
{
    struct field_count f;
    field_count_init(&f, &csv);
    const struct header *h = header_make(&a, FROM("id", "Naam", "x", "", "Naam", "#3", "/y"), 7);
    const struct header *other = header_make(&a, FROM("id", "Name", "x"), 3);
    take_row(&f, h);
    take_row(&f, h);
    is(told(&f), "-Name=2 #4=2 #6=2 /~1y=2 Naam=2",
       "columns by name, by number where that says nothing, or says it twice");
    take_row(&f, other);
    is(told(&f), "-Name=2 -#5=1 #4=2 #6=2 /~1y=2 Naam=2", "another header, other columns");
    field_count_reset(&f);
    take_row(&f, &(struct header){.n = 4});
    take_row(&f, &(struct header){.n = 2});
    is(told(&f), "-/id=2 -Name=2 -#3=1 -#5=2 #1=2 #2=2 #4=1", "without a header by number");
    field_count_release(&f);
}

static void test_renamed(void)
{
    static const struct {
        const char *missing, *expected, *name;
        struct field_deviation list[4];
    } cases[] = {
        {"product_name",
         "/prod_name",
         "a name that is alike",
         {{"/prod_name", false, 100, 1}, {"/other", false, 100, 1}}},
        {"/a/product", NULL, "in another object", {{"/b/prodct", false, 100, 1}, {"/produkt", false, 100, 1}}},
        {"/a/product",
         "/a/xyz",
         "another name, but the only one that came then",
         {{"/a/xyz", false, 97, 1}, {"/a/pqr", false, 100, 2}}},
        {"product", NULL, "two that came then", {{"xyz", false, 100, 1}, {"pqr", false, 100, 1}}},
        {"product", NULL, "not in as many records", {{"produkt", false, 80, 1}, {"", false, 100, 1}}},
        {"Price/unit", "Price/Unit", "a column's name has no steps", {{"Price/Unit", false, 100, 2}}},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct field_deviation missing = {cases[i].missing, true, 100, 1};
        size_t n = 0;
        while (cases[i].list[n].place)
            n++;
        is(field_renamed_to(&missing, cases[i].list, n, 100), cases[i].expected, cases[i].name);
    }
    const struct field_deviation rare = {"/price", true, 49, 1}, u = {"/Price", false, 49, 1};
    is(field_renamed_to(&rare, &u, 1, 100), NULL, "less than half of the records");
    is(field_renamed_to(&rare, &u, 1, 98), "/Price", "half of them");
}

int main(void)
{
    arena_init(&a);
    test_json();
    test_order_of_keys();
    test_hostile();
    test_columns();
    test_renamed();
    arena_release(&a);
    return tap_done();
}
