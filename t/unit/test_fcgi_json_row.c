/* Rows as JSON and as CSV: each type's form, escapes, nulls. */
#include "t/unit/tap.h"

#include "fcgi-app/csv_row.h"
#include "fcgi-app/rows.h"

enum { BOOL = 16, INT8 = 20, TEXT = 25, JSON = 114, FLOAT8 = 701, DATE = 1082, TIME = 1083, TIMESTAMP = 1114 };
enum { TIMESTAMPTZ = 1184, TIMETZ = 1266, NUMERIC = 1700, UUID = 2950, JSONB = 3802 };

/* A result of one row; value NULL is null. */
static PGresult *result_of(const Oid *types, const char *const *values, int n)
{
    PGresult *r = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc attributes[8] = {0};
    char name[] = "c";
    for (int i = 0; i < n; i++)
        attributes[i] = (PGresAttDesc){.name = name, .typid = types[i]};
    PQsetResultAttrs(r, n, attributes);
    for (int i = 0; i < n; i++) {
        char *copy = values[i] ? strdup(values[i]) : NULL;
        PQsetvalue(r, 0, i, copy, copy ? (int)strlen(copy) : -1);
        free(copy);
    }
    return r;
}

static void put_row(struct buf *b, const PGresult *r, int row, const struct json_columns *columns)
{
    static struct json_forms forms;
    json_forms_find(&forms, r, columns);
    json_row_put(b, r, row, columns, &forms);
}

/* One value as JSON; NULL-terminated, valid until the next call. */
static const char *json_of(Oid type, const char *value)
{
    static struct buf b;
    static const struct plan_column key = {.key = ",\"c\":", .key_len = 5};
    const struct json_columns columns = {&key, 1, 0, false};
    PGresult *r = result_of(&type, &value, 1);
    buf_release(&b);
    buf_init(&b, 1000);
    put_row(&b, r, 0, &columns);
    PQclear(r);
    return buf_str(&b);
}

static void test_types(void)
{
    static const struct {
        Oid type;
        const char *value, *expected;
    } cases[] = {
        {BOOL, "t", "true"},
        {BOOL, "f", "false"},
        {BOOL, "", "false"}, /* which Postgres never sends */
        {INT8, "-9223372036854775808", "-9223372036854775808"},
        {NUMERIC, "1.10", "1.10"},
        {NUMERIC, "-0.5", "-0.5"},
        {NUMERIC, "NaN", "\"NaN\""},
        {NUMERIC, "-Infinity", "\"-Infinity\""},
        {FLOAT8, "1e+300", "1e+300"},
        {FLOAT8, "Infinity", "\"Infinity\""},
        {JSON, "{\"a\" : [1, \"x\"]}", "{\"a\" : [1, \"x\"]}"},
        {JSONB, "null", "null"},
        {TIMESTAMP, "2027-03-01 09:30:00.25", "\"2027-03-01T09:30:00.25\""},
        {TIMESTAMP, "12027-03-01 09:30:00", "\"12027-03-01T09:30:00\""},
        {TIMESTAMPTZ, "12027-03-01 09:30:00-03", "\"12027-03-01T09:30:00-03:00\""},
        {TIMESTAMP, "infinity", "\"infinity\""},
        {TIMESTAMP, "0044-03-15 10:00:00 BC", "\"0044-03-15T10:00:00 BC\""},
        {TIMESTAMPTZ, "2027-03-01 09:30:00+00", "\"2027-03-01T09:30:00+00:00\""},
        {TIMESTAMPTZ, "2027-03-01 09:30:00.5-08", "\"2027-03-01T09:30:00.5-08:00\""},
        {TIMESTAMPTZ, "2027-03-01 09:30:00+05:30", "\"2027-03-01T09:30:00+05:30\""},
        {TIMESTAMPTZ, "1850-01-01 00:00:00+00:19:32", "\"1850-01-01T00:00:00+00:19:32\""},
        {TIMESTAMPTZ, "0044-03-15 10:00:00+00 BC", "\"0044-03-15T10:00:00+00:00 BC\""},
        {TIMESTAMPTZ, "-infinity", "\"-infinity\""},
        {DATE, "2027-03-01", "\"2027-03-01\""},
        {TIME, "09:30:00", "\"09:30:00\""},
        {TIMETZ, "09:30:00+02", "\"09:30:00+02\""},
        {UUID, "6f1c7a3e-0000-4000-8000-000000000000", "\"6f1c7a3e-0000-4000-8000-000000000000\""},
        {TEXT, "", "\"\""},
        {TEXT, "say \"hi\"\\\n\t\x01", "\"say \\\"hi\\\"\\\\\\n\\t\\u0001\""},
        {TEXT, "Ōmori \xe2\x80\xa8 \x7f", "\"Ōmori \xe2\x80\xa8 \x7f\""},
        {TEXT, NULL, "null"},
        {BOOL, NULL, "null"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char expected[200], name[200];
        snprintf(expected, sizeof expected, "{\"c\":%s}", cases[i].expected);
        snprintf(name, sizeof name, "type %u becomes %s", cases[i].type, cases[i].expected);
        for (char *p = name; *p; p++)
            if (*p == '\n' || *p == '#')
                *p = '.';
        is(json_of(cases[i].type, cases[i].value), expected, name);
    }
}

static void test_columns(void)
{
    static const Oid types[] = {INT8, BOOL, INT8, TEXT};
    static const char *const values[] = {"7", "t", "1", NULL};
    static const struct plan_column keys[] = {{.key = ",\"id\":", .key_len = 6},
                                              {.key = ",\"na\\\"me\":", .key_len = 10}};
    struct json_columns columns = {keys, 2, 2, false};
    struct buf b;
    buf_init(&b, 1000);
    PGresult *r = result_of(types, values, 4);
    put_row(&b, r, 0, &columns);
    is(buf_str(&b), "{\"id\":1,\"na\\\"me\":null}", "columns begin at `first`, and keys are written as prepared");
    buf_reset(&b);
    columns.strip_nulls = true;
    put_row(&b, r, 0, &columns);
    is(buf_str(&b), "{\"id\":1}", "nulls are left out when asked");
    buf_reset(&b);
    columns.first = 3;
    columns.n = 1;
    put_row(&b, r, 0, &columns);
    is(buf_str(&b), "{}", "a row of which nothing is left is an empty object");
    PQclear(r);
    buf_release(&b);
}

/* Results that come one after the other, as they do row by row. */
static void test_rows(void)
{
    static const Oid type = TEXT;
    static const char *const value = "abc";
    static struct plan_column key = {.key = ",\"c\":", .key_len = 5, .name = "c"};
    static struct rows w;
    static const struct {
        enum media media;
        const char *empty, *expected;
    } cases[] = {
        {MEDIA_JSON, "[]", "[{\"c\":\"abc\"},{\"c\":\"abc\"}]"},
        {MEDIA_OBJECT, "", "{\"c\":\"abc\"}"},
        {MEDIA_CSV, "c\r\n", "c\r\nabc\r\nabc\r\n"},
    };
    PGresult *one = result_of(&type, &value, 1), *none = PQcopyResult(one, PG_COPYRES_ATTRS);
    struct buf b;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct plan p = {.media = cases[i].media, .columns = &key, .n_columns = 1};
        buf_init(&b, 40);
        rows_begin(&w, &p);
        rows_put(&w, &b, none);
        rows_end(&w, &b);
        is(buf_str(&b), cases[i].empty, "no row");
        buf_reset(&b);
        rows_begin(&w, &p);
        rows_put(&w, &b, one);
        rows_put(&w, &b, one);
        rows_put(&w, &b, none);
        rows_end(&w, &b);
        is(buf_str(&b), cases[i].expected, "two rows");
        is_int((int)w.n, 2, "which were counted");
        buf_release(&b);
    }
    struct plan p = {.media = MEDIA_JSON, .columns = &key, .n_columns = 1};
    buf_init(&b, 12);
    rows_begin(&w, &p);
    rows_put(&w, &b, one);
    ok(!b.failed, "exactly as many bytes as may be");
    rows_end(&w, &b);
    ok(b.failed, "one byte more is remembered as failure");
    buf_release(&b);
    PQclear(one);
    PQclear(none);
}

static void test_csv(void)
{
    static const Oid types[] = {INT8, TEXT, TEXT};
    static const struct {
        const char *value, *expected;
    } cases[] = {
        {"plain", "plain"},
        {NULL, ""},
        {"", "\"\""},
        {"a,b", "\"a,b\""},
        {"one in many: \"", "\"one in many: \"\"\""},
        {"say \"no\"", "\"say \"\"no\"\"\""},
        {"\"", "\"\"\"\""},
        {"two\nlines", "\"two\nlines\""},
        {"\r", "\"\r\""},
        {" blanks ", "\" blanks \""},
        {"it's; fine\tso", "it's; fine\tso"},
    };
    static const struct plan_column keys[] = {{.name = "a,b"}, {.name = "c"}};
    const struct json_columns columns = {keys, 2, 1, true};
    struct buf b, expected;
    buf_init(&b, 1000);
    buf_init(&expected, 1000);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *const values[] = {"7", cases[i].value, "z"};
        PGresult *r = result_of(types, values, 3);
        buf_reset(&b);
        buf_reset(&expected);
        csv_names_put(&b, &columns);
        csv_row_put(&b, r, 0, &columns);
        buf_printf(&expected, "\"a,b\",c\r\n%s,z\r\n", cases[i].expected);
        is(buf_str(&b), buf_str(&expected), "a field of CSV");
        PQclear(r);
    }
    buf_release(&b);
    buf_release(&expected);
}

/* A field is looked at in pieces that overlap: of every length, with a byte that wants quotes at every place. */
static void test_csv_marks(void)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz", marks[] = ",\n\r";
    static const Oid type = TEXT;
    const struct json_columns columns = {NULL, 1, 0, true};
    int wrong = 0;
    for (size_t n = 1; n < sizeof letters; n++)
        for (size_t place = 0; place <= n; place++) { /* behind the last: none */
            char value[sizeof letters], expected[sizeof letters + 4];
            const char *const values[] = {value}, *quote = place < n ? "\"" : "";
            struct buf b;
            snprintf(value, sizeof value, "%.*s", (int)n, letters);
            if (place < n)
                value[place] = marks[(n + place) % 3];
            snprintf(expected, sizeof expected, "%s%s%s\r\n", quote, value, quote);
            PGresult *r = result_of(&type, values, 1);
            buf_init(&b, 100);
            csv_row_put(&b, r, 0, &columns);
            wrong += strcmp(buf_str(&b), expected) != 0;
            buf_release(&b);
            PQclear(r);
        }
    is_int(wrong, 0, "fields of every length, with what wants quotes at every place");
}

int main(void)
{
    test_csv();
    test_csv_marks();
    test_types();
    test_columns();
    test_rows();
    json_of(TEXT, "");
    return tap_done();
}
