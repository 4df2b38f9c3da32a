/*
 * Where a source of kind "postgres" goes on: behind which mark no transaction can still commit that no pull has seen.
 */
#include "t/unit/tap.h"
#include "worker/watermark.h"

/* A pull whose snapshot is xmin:xmax and saw watermarks up to high, behind the place at. */
static const char *pull(struct arena *a, const char *at, const char *xmin, const char *xmax, const char *high)
{
    struct watermark_place p;
    watermark_parse(&p, a, at);
    p.xmin = xmin;
    p.xmax = xmax;
    p.high = high;
    p.watermark = high;
    p.key = "7";
    p = watermark_behind(&p);
    return watermark_text(&p, a);
}

static const char *begin(struct arena *a, const char *at, const char *overlap)
{
    struct watermark_place p;
    watermark_parse(&p, a, at);
    return watermark_begin(&p, overlap);
}

static void test_text(struct arena *a)
{
    struct watermark_place p = {.xmin = "5", .xmax = "9", .high = "h\"1", .watermark = "w", .key = "k", .runs = "ab"};
    const char *text = watermark_text(&p, a);
    is(text,
       "{\"xmin\":\"5\",\"xmax\":\"9\",\"high\":\"h\\\"1\",\"watermark\":\"w\",\"key\":\"k\",\"runs\":\"ab\",\"marks\":"
       "[]}",
       "a pull under way");
    watermark_parse(&p, a, text);
    is(watermark_text(&p, a), text, "there and back");
    static const char *const none[] = {NULL, "", "[]", "{", "3"};
    for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
        watermark_parse(&p, a, none[i]);
        ok(!p.n_marks && !p.settled && !p.xmin && !watermark_begin(&p, "1 h"), "no place is the beginning");
    }
}

static void test_quiet(struct arena *a)
{
    const char *one = pull(a, NULL, "10", "10", "100"), *two = pull(a, one, "12", "12", "200");
    is(begin(a, one, ""), "100", "nobody was under way: the next pull begins at what was seen");
    is(begin(a, two, ""), "200", "and so on");
    is(one, "{\"settled\":\"yes\",\"marks\":[{\"xmax\":\"10\",\"watermark\":\"100\"}]}",
       "one mark is kept, and nothing of the pull");
}

/* Transaction 10 is open from before the first pull to behind the second. */
static void test_late(struct arena *a)
{
    const char *one = pull(a, NULL, "10", "11", "100");
    is(begin(a, one, ""), NULL, "what was open at the first pull may have any watermark");
    is(begin(a, one, "5 minutes"), "100", "unless an overlap says how far back");
    const char *settled = pull(a, NULL, "10", "10", "100"), *held = pull(a, settled, "10", "20", "200");
    is(begin(a, held, ""), "100", "one that began behind a mark is not below it: the mark stays");
    const char *longer = pull(a, held, "10", "30", "300");
    is(begin(a, longer, ""), "100", "for as long as it is open");
    is(begin(a, pull(a, longer, "25", "40", "400"), ""), "200", "then the next mark that all others began behind");
}

static void test_edges(struct arena *a)
{
    const char *at = pull(a, NULL, "10", "10", "100");
    is(begin(a, pull(a, at, "12", "12", NULL), ""), "100", "a pull without a row makes no mark");
    is(begin(a, pull(a, at, "3", "4", "500"), ""), NULL,
       "another server, whose transactions are younger: from the beginning");
    for (int i = 0; i < 40; i++)
        at = pull(a, at, "10", arena_printf(a, "%d", 20 + i), arena_printf(a, "%d", 200 + i));
    is(begin(a, at, ""), "100", "more marks than are kept: the oldest that holds stays");
}

int main(void)
{
    struct arena a;
    arena_init(&a);
    test_text(&a);
    test_quiet(&a);
    test_late(&a);
    test_edges(&a);
    arena_release(&a);
    return tap_done();
}
