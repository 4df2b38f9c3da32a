/*
 * Rows on their way to COPY: escapes, cutting, and rows that repeat.
 */
#include "t/unit/tap.h"
#include "worker/rows.h"

static struct field fields[] = {{.name = "a", .from = (const char *const[]){"/a", NULL}},
                                {.name = "none", .from = (const char *const[]){NULL}},
                                {.name = "fixed", .from = (const char *const[]){NULL}, .default_text = "x"}};
static const struct entity entity = {.file = "e", .fields = fields, .n_fields = ARRAY_SIZE(fields)};

static bool add(struct rows *r, int64_t batch, int line, const char *text, size_t len)
{
    struct cell cells[] = {{text, len}, {"never", 5}, {"x", 1}};
    struct cleaned cleaned = {.cells = cells};
    return rows_add(r, &entity, (struct lineage){batch, line}, "c", &cleaned);
}

static void test_escapes(void)
{
    static const struct {
        const char *text;
        size_t len;
        const char *expected;
    } cases[] = {
        {"plain", 5, "1\t0000000001\tc\tplain\tx\n"},
        {NULL, 0, "1\t0000000001\tc\t\\N\tx\n"},
        {"", 0, "1\t0000000001\tc\t\tx\n"},
        {"\\N", 2, "1\t0000000001\tc\t\\\\N\tx\n"},
        {"a\tb\nc\rd", 7, "1\t0000000001\tc\ta\\tb\\nc\\rd\tx\n"},
        {"\\.", 2, "1\t0000000001\tc\t\\\\.\tx\n"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct rows r;
        size_t len;
        rows_init(&r);
        ok(add(&r, 1, 1, cases[i].text, cases[i].len), "a row");
        is(rows_text(&r, 0, 1, &len), cases[i].expected, "as COPY reads it, with only the fields that are stored");
        rows_release(&r);
    }
}

static void test_repeats(void)
{
    struct rows r;
    size_t len;
    rows_init(&r);
    ok(add(&r, 1, 1, "same", 4) && add(&r, 1, 2, "other", 5), "two rows");
    ok(!add(&r, 1, 33, "same", 4), "a row that says the same");
    is_int(r.n, 2, "is not added");
    is(rows_text(&r, 0, 2, &len), "1\t0000000033\tc\tsame\tx\n1\t0000000002\tc\tother\tx\n",
       "but takes the earlier one's place");
    is_int(r.list[0].lineage.line, 33, "with its line");
    ok(add(&r, 2, 1, "same", 4), "in another batch it is a row of its own");
    ok(!add(&r, 2, 2, "same", 4), "which the next one of that batch repeats");
    ok(add(&r, 2, 3, "sam", 3), "and so is one that only begins alike");
    rows_reset(&r);
    ok(add(&r, 1, 1, "same", 4), "after a reset nothing is remembered");
    is_int(r.n, 1, "one row");
    rows_release(&r);
}

/* None is missed, however full the table, or what becomes of a record would hang on the hashes' seed. */
static void test_many_repeats(void)
{
    enum { MANY = 30000 };
    struct rows r;
    int added = 0, repeated = 0;
    rows_init(&r);
    for (int batch = 1; batch <= 2; batch++)
        for (int line = 1; line <= 2 * MANY; line++) {
            char text[16];
            int n = snprintf(text, sizeof text, "%d", line % MANY);
            *(add(&r, batch, line, text, (size_t)n) ? &added : &repeated) += 1;
        }
    is_int(added, 2 * MANY, "each text is one row in each batch");
    is_int(repeated, 2 * MANY, "and each repetition is seen");
    rows_release(&r);
}

static void test_many(void)
{
    enum { N = 5000 };
    struct rows r;
    char text[32];
    int added = 0, repeated = 0;
    rows_init(&r);
    for (int i = 0; i < N; i++) {
        snprintf(text, sizeof text, "row %d", i);
        added += add(&r, 1, i + 1, text, strlen(text));
    }
    for (int i = 0; i < N; i++) {
        snprintf(text, sizeof text, "row %d", i);
        repeated += !add(&r, 1, N + i + 1, text, strlen(text));
    }
    is_int(added, N, "all are added");
    ok(repeated > N * 99 / 100, "nearly all of them are known again (%d of %d)", repeated, N);
    size_t len;
    const char *end = rows_text(&r, r.n - 1, 1, &len);
    ok(len && end[len - 1] == '\n' && end + len == r.text.data + r.text.len, "the last row ends where the text ends");
    snprintf(text, sizeof text, "1\t%010d\tc\trow 7\tx\n", N + 8);
    const char *seventh = rows_text(&r, 7, 1, &len);
    ok(len == strlen(text) && memcmp(seventh, text, len) == 0, "any row can be had alone");
    rows_text(&r, 10, 0, &len);
    is_int(len, 0, "no rows, no text");
    rows_release(&r);
}

static void test_take_out(void)
{
    struct rows r;
    size_t len;
    rows_init(&r);
    ok(add(&r, 1, 1, "a", 1) && add(&r, 1, 2, "bb", 2) && add(&r, 1, 3, "c", 1) && add(&r, 1, 4, "d", 1), "four rows");
    rows_take_out(&r, (const bool[]){true, false, true, false});
    is_int(r.n, 2, "without two of them");
    is_int((int)r.taken_out, 2, "which are counted");
    is(rows_text(&r, 0, 2, &len), "1\t0000000002\tc\tbb\tx\n1\t0000000004\tc\td\tx\n", "are the others");
    is_int(len, r.text.len, "and nothing behind them");
    is_int(r.list[1].lineage.line, 4, "with their lines");
    is(rows_text(&r, 1, 1, &len), "1\t0000000004\tc\td\tx\n", "each of which can be had alone");
    rows_take_out(&r, (const bool[]){true, true});
    is_int((int)(r.n + r.text.len), 0, "all taken out");
    is_int((int)r.taken_out, 4, "and counted");
    rows_reset(&r);
    ok(add(&r, 1, 1, "a", 1) && r.taken_out == 0, "after a reset none of them is remembered");
    rows_release(&r);
}

static void test_reject(void)
{
    struct buf b;
    buf_init(&b, 1000);
    reject_add(&b, (struct lineage){7, 3}, "e",
               &(struct reason){
                   .code = REASON_TOO_LONG, .action = ACTION_NULL, .field = "a", .rule = "maxLength", .value = "x\ty"});
    is(buf_str(&b), "7\t3\te\ta\tmaxLength\tx\\ty\ttoo_long\tnull\t\\N\n", "a reason, in the order of REJECT_COLUMNS");
    buf_release(&b);
}

int main(void)
{
    test_escapes();
    test_repeats();
    test_many_repeats();
    test_many();
    test_take_out();
    test_reject();
    return tap_done();
}
