#include "worker/watermark.h"

#include <stdlib.h>
#include <string.h>

#include "worker/document.h"
#include "worker/json_read.h"

enum { LARGEST_PLACE = 1 << 20 };

void watermark_parse(struct watermark_place *p, struct arena *a, const char *at)
{
    struct json_mistake mistake;
    const struct document d = {.json = at ? json_read(at, strlen(at), a, &mistake) : NULL};
    *p = (struct watermark_place){.settled = document_text(&d, a, "/settled"),
                                  .xmin = document_text(&d, a, "/xmin"),
                                  .xmax = document_text(&d, a, "/xmax"),
                                  .high = document_text(&d, a, "/high"),
                                  .watermark = document_text(&d, a, "/watermark"),
                                  .key = document_text(&d, a, "/key"),
                                  .runs = document_text(&d, a, "/runs")};
    for (size_t i = 0; i < MOST_MARKS; i++) {
        const char *mark = arena_printf(a, "/marks/%zu", i);
        if (document_find(&d, a, mark).kind != VALUE_OBJECT)
            break;
        p->marks[p->n_marks++] = (struct watermark_mark){document_text(&d, a, arena_printf(a, "%s/xmax", mark)),
                                                         document_text(&d, a, arena_printf(a, "%s/watermark", mark))};
    }
}

static void put(struct buf *b, const char *key, const char *value)
{
    if (!value)
        return;
    char before = b->len ? b->data[b->len - 1] : '{';
    buf_printf(b, "%s\"%s\":", before == '{' ? "" : ",", key);
    buf_json_string(b, value, strlen(value));
}

const char *watermark_text(const struct watermark_place *p, struct arena *a)
{
    struct buf b;
    buf_init(&b, LARGEST_PLACE);
    buf_putc(&b, '{');
    put(&b, "settled", p->settled ? "yes" : NULL);
    put(&b, "xmin", p->xmin);
    put(&b, "xmax", p->xmax);
    put(&b, "high", p->high);
    put(&b, "watermark", p->watermark);
    put(&b, "key", p->key);
    put(&b, "runs", p->runs);
    buf_printf(&b, "%s\"marks\":[", b.len > 1 ? "," : "");
    for (size_t i = 0; i < p->n_marks; i++) {
        buf_puts(&b, i ? ",{" : "{");
        put(&b, "xmax", p->marks[i].xmax);
        put(&b, "watermark", p->marks[i].watermark);
        buf_putc(&b, '}');
    }
    buf_puts(&b, "]}");
    const char *text = b.failed ? NULL : arena_memdup(a, buf_str(&b), b.len);
    buf_release(&b);
    return text;
}

static unsigned long long number(const char *s)
{
    return s ? strtoull(s, NULL, 10) : 0;
}

/* Transaction numbers that go backwards are those of another server; then no mark holds. Of too many marks the newest
 * go, since an older one only means to read more. */
struct watermark_place watermark_behind(const struct watermark_place *p)
{
    struct watermark_place next = *p;
    if (p->high && next.n_marks < MOST_MARKS)
        next.marks[next.n_marks++] = (struct watermark_mark){p->xmax, p->high};
    size_t first = next.n_marks;
    for (size_t i = 0; i < next.n_marks; i++)
        if (number(next.marks[i].xmax) <= number(p->xmin))
            first = i;
    next.settled = first < next.n_marks;
    if (next.settled) {
        next.n_marks -= first;
        memmove(next.marks, next.marks + first, next.n_marks * sizeof *next.marks);
    }
    next.xmin = next.xmax = next.high = next.watermark = next.key = next.runs = NULL;
    return next;
}

const char *watermark_begin(const struct watermark_place *p, const char *overlap)
{
    return p->n_marks && (p->settled || *overlap) ? p->marks[0].watermark : NULL;
}
