/* Guessing types, keys, names and formats from a sample. */
#include "t/unit/tap.h"

#include "worker/guess.h"
#include "worker/guess_format.h"
#include "worker/new_text.h"

/* A sample as the name of a test. */
static const char *one_line(struct arena *a, const char *s)
{
    char *line = arena_strdup(a, s);
    for (char *p = line; *p; p++)
        *p = (unsigned char)*p < 0x20 || *p == '#' || (unsigned char)*p > 0x7e ? ' ' : *p;
    return line;
}

/* The guess of one column with these texts, one a line. */
static struct guess_field *column(struct arena *a, const char *texts)
{
    static const char *const names[] = {"Column"};
    struct guess *g = arena_alloc(a, sizeof *g);
    struct arena scratch;
    arena_init(&scratch);
    guess_init(g, a, 8);
    const struct header *header = header_make(a, names, 1);
    for (const char *p = texts; *p; p += strcspn(p, "\n"), p += *p == '\n') {
        struct value cell = {VALUE_STRING, arena_memdup(a, p, strcspn(p, "\n")), strcspn(p, "\n")};
        guess_add(g, &(struct document){.header = header, .cells = &cell}, &scratch);
        arena_reset(&scratch);
    }
    arena_release(&scratch);
    return guess_fields(g);
}

static void test_types(struct arena *a)
{
    static const struct {
        const char *texts, *sql_type, *keys;
    } rows[] = {
        {"1\n2\n300\n", "bigint", ", \"clean\": [\"trim\"]"},
        {"1\n2.5\n", "numeric", ", \"clean\": [\"trim\"]"},
        {"1\n12345678901234567890\n", "numeric", ", \"clean\": [\"trim\"]"},
        {"007\n12\n", "text", ", \"clean\": [\"trim\"]"},
        {"1,50\n2,25\n", "numeric", ", \"clean\": [\"trim\"], \"decimalChar\": \",\""},
        {"1.234,50\n2,25\n", "numeric", ", \"clean\": [\"trim\"], \"decimalChar\": \",\", \"groupChar\": \".\""},
        {"1,234.50\n2.25\n", "numeric", ", \"clean\": [\"trim\"], \"groupChar\": \",\""},
        {"1 234,50\n2,25\n", "numeric", ", \"clean\": [\"trim\"], \"decimalChar\": \",\", \"groupChar\": \" \""},
        {"2015-04-04\n2016-12-31\n", "date", ", \"clean\": [\"trim\"]"},
        {"20150404\n20161231\n", "date", ", \"clean\": [\"trim\"], \"format\": \"%Y%m%d\""},
        {"20150404\n99991231\n", "bigint", ", \"clean\": [\"trim\"]"},
        {"31/01/2015\n01/02/2015\n", "date", ", \"clean\": [\"trim\"], \"format\": \"%d/%m/%Y\""},
        {"01/31/2015\n01/02/2015\n", "date", ", \"clean\": [\"trim\"], \"format\": \"%m/%d/%Y\""},
        {"31.01.2015\n", "date", ", \"clean\": [\"trim\"], \"format\": \"%d.%m.%Y\""},
        {"April 4th, 2015\nMay 1st, 2016\n", "date", ", \"clean\": [\"trim\", \"ordinal\"], \"format\": \"%B %d, %Y\""},
        {"2015-04-04T12:30:00Z\n", "timestamptz", ", \"clean\": [\"trim\"]"},
        {"04.05.2015 12:30\n", "timestamptz", ", \"clean\": [\"trim\"], \"format\": \"%d.%m.%Y %H:%M\""},
        {"12:30\n08:15\n", "time", ", \"clean\": [\"trim\"]"},
        {"yes\nno\nyes\n", "boolean", ", \"clean\": [\"trim\"], \"trueValues\": [\"yes\"], \"falseValues\": [\"no\"]"},
        {"0\n1\n0\n", "bigint", ", \"clean\": [\"trim\"]"},
        {"yes\nyes\n", "text", ", \"clean\": [\"trim\"]"},
        {"60 kg\n100 lbs\n", "numeric", ", \"clean\": [\"trim\", \"unit:kg\"]"},
        {"12 %\n7 %\n", "numeric", ", \"clean\": [\"trim\"], \"bareNumber\": false"},
        {"G100\nG200\n", "text", ", \"clean\": [\"trim\"]"},
        {"0002-0485-04\n", "text", ", \"clean\": [\"trim\"]"},
        {"1\n-\n2\nN/A\n", "bigint", ", \"clean\": [\"trim\"], \"missingValues\": [\"\", \"-\", \"N/A\"]"},
        {"none\na\nb\n", "text", ", \"clean\": [\"trim\"]"},
        {"Smith &amp; Sons\n<b>x</b>\na  b\n", "text",
         ", \"clean\": [\"strip_tags\", \"unescape_html\", \"squeeze\", \"trim\"]"},
        {"1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n17\n18\n19\nmany\n", "bigint",
         ", \"clean\": [\"trim\"], \"onError\": \"null\""},
        {"1\n2\nmany\n", "text", ", \"clean\": [\"trim\"]"},
        {"\n\n", "text", ", \"clean\": [\"trim\"]"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct guess_field *f = column(a, rows[i].texts);
        is(f->sql_type, rows[i].sql_type, one_line(a, rows[i].texts));
        is(f->keys, rows[i].keys, "and its keys");
    }
}

static void test_evidence(struct arena *a)
{
    const struct guess_field *f = column(a, "01/02/2015\n03/04/2015\n01/02/2015\n-\n");
    is_int((long long)f->fits, 3, "so many fit");
    is_int((long long)f->missing, 1, "so many are missing");
    is_int((long long)f->distinct, 2, "so many are different");
    is_int((long long)f->place->longest, 10, "the longest");
    is_int((long long)f->place->n_examples, 2, "examples are different");
    is(f->also, "\"format\": \"%m/%d/%Y\"", "day and month could be the other way round");
    is(column(a, "01/01/2015\n")->also, NULL, "which is no matter where they are the same");
    is(column(a, "1,234\n")->also, "\"decimalChar\": \",\"", "a group could be a fraction");
}

static struct guess documents(struct arena *a, const char *lines)
{
    const struct format f = {.kind = FORMAT_NDJSON, .encoding = "UTF-8"};
    struct guess g;
    struct arena scratch;
    arena_init(&scratch);
    guess_init(&g, a, 8);
    for (const char *p = lines; *p; p += strcspn(p, "\n"), p += *p == '\n') {
        struct record record;
        reader_parse(&f, NULL, p, strcspn(p, "\n"), &scratch, &record);
        guess_add(&g, &record.document, &scratch);
        arena_reset(&scratch);
    }
    arena_release(&scratch);
    guess_prune(&g);
    return g;
}

static void test_documents(struct arena *a)
{
    struct guess g = documents(
        a, "{\"a/b\": {\"~\": 1, \"x\": [1]}, \"ok\": true}\n{\"a/b\": null, \"ok\": false, \"late\": \"y\"}\n");
    const struct guess_field *f = guess_fields(&g);
    is_int((long long)g.n, 4, "an object is its leaves, even where it is null elsewhere");
    is(f[0].place->from, "/a~1b/~0", "a pointer");
    is(f[0].name, "a_b", "its name");
    is(f[1].place->from, "/a~1b/x", "the next");
    is(f[1].sql_type, "jsonb", "an array stays one");
    is(f[1].keys, "", "and is not cleaned");
    is(f[2].sql_type, "boolean", "a boolean");
    is(f[2].keys, ", \"clean\": [\"trim\"]", "needs no words");
    is(f[3].place->from, "/late", "what comes late is found");
    is_int((long long)f[3].missing, 1, "and was missing before");
    g = documents(a, "{\"v\": {\"id\": 1}}\n{\"v\": \"2\"}\n");
    f = guess_fields(&g);
    ok(g.n == 2 && strcmp(f[1].place->from, "/v") == 0 && strstr(f[1].keys, "\"onError\": \"null\""),
       "what is an object here and a text there is kept, and null where it is an object");
}

static const char *key_of(struct arena *a, struct guess *g, enum guess_key_kind *kind)
{
    struct guess_field *f = guess_fields(g);
    const char *names = "";
    *kind = guess_key(g, f);
    for (size_t i = 0; i < g->n; i++)
        if (f[i].is_key)
            names = arena_printf(a, "%s%s%s", names, *names ? " " : "", f[i].name);
    return names;
}

static void test_keys(struct arena *a)
{
    static const struct {
        const char *lines, *key;
        enum guess_key_kind kind;
    } rows[] = {
        {"{\"n\": 1.5, \"code\": \"a\"}\n{\"n\": 2.5, \"code\": \"b\"}\n", "code", GUESS_KEY_UNIQUE},
        {"{\"s\": \"a\", \"day\": \"2020-01-01\"}\n{\"s\": \"a\", \"day\": \"2020-01-02\"}\n{\"s\": \"b\", \"day\": "
         "\"2020-01-01\"}\n",
         "s day", GUESS_KEY_UNIQUE},
        {"{\"a\": 1, \"b\": 1, \"c\": 1}\n{\"a\": 1, \"b\": 1, \"c\": 2}\n{\"a\": 1, \"b\": 2, \"c\": 1}\n{\"a\": 2, "
         "\"b\": 1, \"c\": 1}\n",
         "a b c", GUESS_KEY_UNIQUE},
        /* none: the nearest is marked */
        {"{\"a\": 1, \"x\": [1]}\n{\"a\": 1, \"x\": [2]}\n", "a", GUESS_KEY_NONE},
        {"{\"a\": 0, \"b\": 0, \"c\": 0, \"d\": 0}\n{\"a\": 0, \"b\": 0, \"c\": 0, \"d\": 1}\n"
         "{\"a\": 0, \"b\": 0, \"c\": 1, \"d\": 0}\n{\"a\": 0, \"b\": 1, \"c\": 0, \"d\": 0}\n"
         "{\"a\": 1, \"b\": 0, \"c\": 0, \"d\": 0}\n",
         "a b c", GUESS_KEY_NONE},
        {"{\"a\": 1}\n{\"b\": 1}\n", "", GUESS_KEY_NONE},
    };
    enum guess_key_kind kind;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct guess g = documents(a, rows[i].lines);
        is(key_of(a, &g, &kind), rows[i].key, one_line(a, rows[i].lines));
        ok(kind == rows[i].kind, "and of which kind it is");
    }
    struct buf b;
    buf_init(&b, 1 << 20);
    for (int i = 0; i < 100; i++) /* one twice, one without */
        buf_printf(&b, i == 7 ? "{\"t\": %d}\n" : "{\"t\": %d, \"id\": \"%d\"}\n", i % 3, i == 9 ? 8 : i);
    struct guess g = documents(a, buf_str(&b));
    is(key_of(a, &g, &kind), "external_id", "a column that nearly every record has for itself");
    ok(kind == GUESS_KEY_NEARLY, "is told as such");
    struct guess_field *f = guess_fields(&g);
    size_t without, again;
    ok(guess_key(&g, f) == GUESS_KEY_NEARLY, "and");
    guess_key_count(&g, f, &without, &again);
    ok(without == 1 && again == 1, "what lacks it, and what has another's, is counted");
    buf_release(&b);
}

static void test_names(struct arena *a)
{
    static const char *const taken[] = {"article_no", "article_no_2"};
    static const struct {
        const char *label, *name;
    } rows[] = {
        {"Bag Weight", "bag_weight"},
        {"lowerCamelCase", "lower_camel_case"},
        {"HTTPServer", "http_server"},
        {"PRODUCTNDC", "productndc"},
        {"Größe (cm)", "grosse_cm"},
        {"N° d'été", "n_d_ete"},
        {"2nd", "c2nd"},
        {"order", "order_value"},
        {"select", "select_value"},
        {"id", "external_id"},
        {"client", "client_value"},
        {"raw_line", "raw_line_value"},
        {"Article No", "article_no_3"},
        {"价格", "field"},
        {"", "field"},
        {"  a -- b  ", "a_b"},
        {"x\"; DROP TABLE y", "x_drop_table_y"},
        {"User", "user_value"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        is(guess_name(rows[i].label, taken, ARRAY_SIZE(taken), a), rows[i].name, one_line(a, rows[i].label));
    char longest[200];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    const char *name = guess_name(longest, NULL, 0, a);
    is_int((long long)strlen(name), 63, "as long as Postgres keeps a name");
    const char *other = guess_name(longest, &name, 1, a);
    ok(strlen(other) <= 63 && strcmp(other, name) != 0, "two long ones differ");
    is(new_plural("lot", a), "lots", "lots");
    is(new_plural("batch", a), "batches", "batches");
    is(new_plural("company", a), "companies", "companies");
    is(new_plural("day", a), "days", "days");
    is(new_plural("box", a), "boxes", "boxes");
    is(new_plural("coffee_lots", a), "coffee_lots", "a plural stays one");
    is(new_plural("class", a), "classes", "classes");
    is(new_plural("status", a), "statuses", "statuses");
}

static void test_formats(struct arena *a)
{
    static const struct {
        const char *bytes, *format, *problem; /* the format as JSON */
    } rows[] = {
        {"{\"a\": 1}\n{\"a\": 2}\n", "{\"format\":\"ndjson\",\"encoding\":\"UTF-8\"}", NULL},
        {"\xef\xbb\xbf{\"a\": 1}", "{\"format\":\"ndjson\",\"encoding\":\"UTF-8\"}", NULL},
        {"a,b\n1,2\n3,4\n",
         "{\"format\":\"csv\",\"encoding\":\"UTF-8\",\"dialect\":{\"delimiter\":\",\",\"quoteChar\":\"\\\"\","
         "\"commentChar\":null,\"header\":true}}",
         NULL},
        {"a;b\n1,5;2\n3,5;4\n",
         "{\"format\":\"csv\",\"encoding\":\"UTF-8\",\"dialect\":{\"delimiter\":\";\",\"quoteChar\":\"\\\"\","
         "\"commentChar\":null,\"header\":true}}",
         NULL},
        {"1|x\n2|y\n3|z\n",
         "{\"format\":\"csv\",\"encoding\":\"UTF-8\",\"dialect\":{\"delimiter\":\"|\",\"quoteChar\":\"\\\"\","
         "\"commentChar\":null,\"header\":false}}",
         NULL},
        {"a\tb\nsay \"x\" \"\t\"y\nd\te\n",
         "{\"format\":\"tsv\",\"encoding\":\"UTF-8\",\"dialect\":{\"delimiter\":\"\\t\",\"quoteChar\":null,"
         "\"commentChar\":null,\"header\":true}}",
         NULL},
        {"\"a\",\"b\"\n\"x \"y\" z\",\"v\"\n\"1\",\"2\"\n",
         "{\"format\":\"csv\",\"encoding\":\"UTF-8\",\"dialect\":{\"delimiter\":\",\",\"quoteChar\":\"\\\"\","
         "\"commentChar\":null,\"header\":true}}",
         NULL},
        {"a,\"size\nin\r\n\nkg\",b\n1,2,3\n3,4,5\n", /* a header over several lines */
         "{\"format\":\"csv\",\"encoding\":\"UTF-8\",\"dialect\":{\"delimiter\":\",\",\"quoteChar\":\"\\\"\","
         "\"commentChar\":null,\"header\":true}}",
         NULL},
        {"a,\"one\ntwo\"\nb,x\na,y\nc,z\n", /* and a record that is no header */
         "{\"format\":\"csv\",\"encoding\":\"UTF-8\",\"dialect\":{\"delimiter\":\",\",\"quoteChar\":\"\\\"\","
         "\"commentChar\":null,\"header\":false}}",
         NULL},
        {"# made today\na,b\n1,2\n# a word\n3,4\n",
         "{\"format\":\"csv\",\"encoding\":\"UTF-8\",\"dialect\":{\"delimiter\":\",\",\"quoteChar\":\"\\\"\","
         "\"commentChar\":\"#\",\"header\":true}}",
         NULL},
        {"a,b\ncaf\xe9,2\n",
         "{\"format\":\"csv\",\"encoding\":\"ISO-8859-1\",\"dialect\":{\"delimiter\":\",\",\"quoteChar\":\"\\\"\","
         "\"commentChar\":null,\"header\":true}}",
         NULL},
        {"a,b\nit\x92s,2\n",
         "{\"format\":\"csv\",\"encoding\":\"WINDOWS-1252\",\"dialect\":{\"delimiter\":\",\",\"quoteChar\":\"\\\"\","
         "\"commentChar\":null,\"header\":true}}",
         NULL},
        {"[{\"a\": 1}, {\"a\": 2}]", "{\"format\":\"json\",\"encoding\":\"UTF-8\"}", NULL},
        {" [\n{\"a\": 1},\n{\"a\": 2}\n]\n", "{\"format\":\"json\",\"encoding\":\"UTF-8\"}", NULL},
        {"{\n\"n\": 2, \"meta\": {\"of\": [{\"x\": 1}]},\n\"data\": {\"a/b\": [\n{\"a\": 1},\n{\"a\": 2}\n]}}\n",
         "{\"format\":\"json\",\"encoding\":\"UTF-8\",\"records\":\"/data/a~1b\"}", NULL},
        {"{\"items\": [{\"a\": \"caf\xe9\"}, {\"a\": \"\"}]}",
         "{\"format\":\"json\",\"encoding\":\"ISO-8859-1\",\"records\":\"/items\"}", NULL},
        {"{\"a\": 1, \"lines\": [{\"b\": 1}]}\n", "{\"format\":\"ndjson\",\"encoding\":\"UTF-8\"}", NULL},
        {"{\"lines\": [{\"b\": 1}, {\"b\": 2}]}\n{\"lines\": []}\n", "{\"format\":\"ndjson\",\"encoding\":\"UTF-8\"}",
         NULL},
        {"{\"a\": \n{\"a\": 1}\n", "{\"format\":\"ndjson\",\"encoding\":\"UTF-8\"}", NULL},
        {"[1, 2]", NULL, "it is one JSON document, without an array of objects that could be records"},
        {"{\n\"a\": 1\n}\n", NULL, "it is one JSON document, without an array of objects that could be records"},
        {"[\n{\"a\": 1},\n{\"a\": 2}\n", NULL,
         "it looks like JSON, but it is neither one object a line (NDJSON) nor one whole document"},
        {"", NULL, "it is empty"},
        {"\xff\xfe"
         "a",
         NULL, "it is UTF-16, which no source can read; convert it with iconv first"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct guess_format g;
        guess_format(&g, a, rows[i].bytes, strlen(rows[i].bytes), true);
        is(g.problem, rows[i].problem, one_line(a, rows[i].bytes));
        if (rows[i].format)
            is(g.problem ? NULL : format_json(&g.format, a), rows[i].format, "its format");
    }
    static const char cut[] = " [ {\"a\": 1}, {\"a\"", open[] = "{\"items\": [\n{\"a\": 1},\n{\"a\"";
    struct guess_format g;
    guess_format(&g, a, cut, sizeof cut - 1, false);
    is(g.problem ? g.problem : format_json(&g.format, a), "{\"format\":\"json\",\"encoding\":\"UTF-8\"}",
       "the beginning of an array");
    guess_format(&g, a, open, sizeof open - 1, false);
    is(g.problem, "it looks like one JSON document, and is too long to look through for its records; take a part",
       "the beginning of a document with one");
}

int main(void)
{
    struct arena a;
    arena_init(&a);
    test_types(&a);
    test_evidence(&a);
    test_documents(&a);
    test_keys(&a);
    test_names(&a);
    test_formats(&a);
    arena_release(&a);
    return tap_done();
}
