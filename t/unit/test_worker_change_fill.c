/* What the first line of fill.sql says, and what may stand below it. */
#include "lib/log.h"
#include "t/unit/tap.h"
#include "worker/change_fill.h"

static const char first_line[] = "the first line must name the key";
static const char no_statement[] = "a fill that is a replay has no statement";
static const char no_range[] = "the statement must use :lo and :hi";

static const struct {
    const char *text;
    const char *key, *sql; /* NULL: it has none */
    const char *entities;  /* with spaces between; NULL: it is no replay */
    int line;              /* of a mistake in a line */
    const char *mistake;   /* NULL: none */
} rows[] = {
    {"-- key: dp.a.id\nUPDATE dp.a SET b = 1 WHERE id BETWEEN :lo AND :hi", "dp.a.id",
     "\nUPDATE dp.a SET b = 1 WHERE id BETWEEN $1::bigint AND $2::bigint", NULL, 0, NULL},
    {"-- key: dp.a.id\nSELECT x::lo, :low, :hi::text, :lo", "dp.a.id",
     "\nSELECT x::lo, :low, $2::bigint::text, $1::bigint", NULL, 0, NULL},
    {"-- key: dp.a.id\nSELECT :lo", NULL, NULL, NULL, 0, no_range},
    {"-- key: dp.a.id", NULL, NULL, NULL, 0, no_range},
    {"-- key: a.id\nSELECT :lo, :hi", NULL, NULL, NULL, 1, first_line},
    {"-- key: dp.a.id; DROP\nSELECT :lo, :hi", NULL, NULL, NULL, 1, first_line},
    {"SELECT :lo, :hi", NULL, NULL, NULL, 1, first_line},
    {"\n-- replay: a\n", NULL, NULL, NULL, 1, first_line},
    {"", NULL, NULL, NULL, 1, first_line},
    {"-- replay: a", NULL, NULL, "a", 0, NULL},
    {"-- replay: a, b ,c-d\r\n", NULL, NULL, "a b c-d", 0, NULL},
    {"-- replay: a\n\n  -- why\n\t\n", NULL, NULL, "a", 0, NULL},
    {"-- replay: ,\n", NULL, NULL, NULL, 1, first_line},
    {"-- replay: a\n\n-- so\n SELECT 1;\n", NULL, NULL, NULL, 4, no_statement},
};

static const char *joined(struct arena *a, const char *const *names)
{
    const char *text = "";
    for (size_t i = 0; names && names[i]; i++)
        text = arena_printf(a, "%s%s%s", text, i ? " " : "", names[i]);
    return text;
}

static void test_row(struct arena *a, size_t i)
{
    const struct change_file f = {.path = "fill.sql", .sql = rows[i].text};
    struct change_fill_file out;
    struct buf said;
    buf_init(&said, 4096);
    log_capture(&said);
    int result = change_fill_parse(&f, a, &out);
    log_capture(NULL);
    const char *name = arena_printf(a, "row %zu", i), *mistake = rows[i].mistake;
    const char *where = rows[i].line ? arena_printf(a, "fill.sql:%d: ", rows[i].line) : "fill.sql: ";
    ok(result == (mistake ? -1 : 0), "%s is %s", name, mistake ? "a mistake" : "understood");
    if (mistake)
        ok(strstr(buf_str(&said), arena_printf(a, "%s%s", where, mistake)), "%s: %s", name, buf_str(&said));
    else {
        is(out.key, rows[i].key, name);
        is(out.sql, rows[i].sql, name);
        ok(!out.entities == !rows[i].entities, "%s: its kind", name);
        is(joined(a, out.entities), rows[i].entities ? rows[i].entities : "", name);
    }
    buf_release(&said);
}

int main(void)
{
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        test_row(&a, i);
    arena_release(&a);
    return tap_done();
}
