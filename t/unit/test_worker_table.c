/*
 * Results as tables that fit a terminal, and as JSON.
 */
#include "t/unit/tap.h"
#include "worker/table.h"

enum { TEXT = 25, INT8 = 20, BOOLEAN = 16 };

static PGresult *result(int n, const char *const *names, const Oid *types, int rows, const char *const *values)
{
    PGresult *r = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc columns[8];
    char copies[8][32];
    memset(columns, 0, sizeof columns);
    for (int i = 0; i < n; i++) {
        snprintf(copies[i], sizeof copies[i], "%s", names[i]);
        columns[i].name = copies[i];
        columns[i].typid = types[i];
    }
    PQsetResultAttrs(r, n, columns);
    for (int i = 0; i < rows * n; i++) {
        char copy[512];
        snprintf(copy, sizeof copy, "%s", values[i] ? values[i] : "");
        PQsetvalue(r, i / n, i % n, values[i] ? copy : NULL, values[i] ? (int)strlen(copy) : -1);
    }
    return r;
}

static void test_table(void)
{
    PGresult *r = result(3, (const char *const[]){"name", "n", "hidden"}, (const Oid[]){TEXT, INT8, TEXT}, 3,
                         (const char *const[]){"Käse", "7", "x", "a\nb\x1b[1m", "1234", "x", NULL, NULL, NULL});
    struct buf b;
    buf_init(&b, 10000);
    table_print(&b, r, 2);
    is(buf_str(&b),
       "name        n\n"
       "Käse        7\n"
       "a?b?[1m  1234\n"
       "\n",
       "numbers to the right, no control characters, null is empty");
    buf_release(&b);
    PQclear(r);
}

static void test_text(void)
{
    static const struct {
        const char *text, *line, *lines, *what;
    } cases[] = {
        {"K\xc3\xa4se \xe2\x82\xac", "K\xc3\xa4se \xe2\x82\xac", "K\xc3\xa4se \xe2\x82\xac", "text stays"},
        {"a\x1b[2J\r\x7f", "a?[2J??", "a?[2J??", "C0 and DEL are not passed on"},
        {"a\xc2\x9b"
         "2J\xc2\x80",
         "a?2J?", "a?2J?", "nor C1"},
        {"a\tb\nc", "a?b?c", "a\tb\nc", "line ends and tabs where they are wanted"},
        {"a\x9b\xff", "a??", "a??", "nor what is no UTF-8"},
    };
    struct buf b;
    buf_init(&b, 1000);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        buf_reset(&b);
        table_put_text(&b, cases[i].text, false);
        is(buf_str(&b), cases[i].line, cases[i].what);
        buf_reset(&b);
        table_put_text(&b, cases[i].text, true);
        is(buf_str(&b), cases[i].lines, cases[i].what);
    }
    buf_release(&b);
}

/* A column is as wide as what stands in it. */
static void test_controls_width(void)
{
    PGresult *r = result(2, (const char *const[]){"a", "b"}, (const Oid[]){TEXT, TEXT}, 1,
                         (const char *const[]){"x\xc2\x9b\xc2\x9b", "y"});
    struct buf b;
    buf_init(&b, 1000);
    table_print(&b, r, 2);
    is(buf_str(&b), "a    b\nx??  y\n", "C1 counts as the \"?\" that stands for it");
    buf_release(&b);
    PQclear(r);
}

static void test_width(void)
{
    char wide[300] = "", second[100] = "";
    for (int i = 0; i < 120; i++)
        memcpy(wide + 2 * i, "\xc3\xa4", 3);
    memset(second, 'z', 40);
    PGresult *r = result(3, (const char *const[]){"a", "b", "n"}, (const Oid[]){TEXT, TEXT, INT8}, 1,
                         (const char *const[]){wide, second, "1234567890"});
    struct buf b;
    buf_init(&b, 10000);
    table_print(&b, r, 3);
    const char *line = strchr(buf_str(&b), '\n') + 1;
    int places = 0;
    for (const char *p = line; *p && *p != '\n'; p++)
        places += (*p & 0xc0) != 0x80;
    is_int(places, TABLE_WIDTH, "a wide table is cut to the width");
    ok(strstr(line, "…") && strstr(line, "1234567890"), "at the widest texts, never at numbers");
    buf_release(&b);
    PQclear(r);
}

static void test_json(void)
{
    PGresult *r = result(3, (const char *const[]){"name", "n", "b"}, (const Oid[]){TEXT, INT8, BOOLEAN}, 2,
                         (const char *const[]){"a\"b", "7", "t", NULL, NULL, "f"});
    struct buf b;
    buf_init(&b, 10000);
    table_print_json(&b, r);
    is(buf_str(&b),
       "[\n {\"name\": \"a\\\"b\", \"n\": 7, \"b\": true},\n {\"name\": null, \"n\": null, \"b\": false}\n]",
       "as JSON");
    buf_release(&b);
    PQclear(r);
}

int main(void)
{
    test_table();
    test_text();
    test_controls_width();
    test_width();
    test_json();
    return tap_done();
}
