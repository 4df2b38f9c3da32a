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
    test_width();
    test_json();
    return tap_done();
}
