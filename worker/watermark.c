#include "worker/watermark.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "worker/json_read.h"

enum { LARGEST_PLACE = 1 << 20 };

static const char *member(struct json_object *json, const char *key)
{
    json_object *value;
    return json_object_object_get_ex(json, key, &value) ? json_object_get_string(value) : NULL;
}

void watermark_parse(struct watermark_place *p, struct arena *a, const char *at)
{
    struct json_mistake mistake;
    json_object *json = at ? json_read(at, strlen(at), a, &mistake) : NULL, *marks;
    *p = (struct watermark_place){0};
    if (!json || !json_object_is_type(json, json_type_object))
        return;
    *p = (struct watermark_place){.settled = member(json, "settled"),
                                  .xmin = member(json, "xmin"),
                                  .xmax = member(json, "xmax"),
                                  .high = member(json, "high"),
                                  .watermark = member(json, "watermark"),
                                  .key = member(json, "key"),
                                  .runs = member(json, "runs")};
    size_t n = json_object_object_get_ex(json, "marks", &marks) ? json_object_array_length(marks) : 0;
    for (size_t i = 0; i < n && i < MOST_MARKS; i++) {
        json_object *mark = json_object_array_get_idx(marks, i);
        p->marks[p->n_marks++] = (struct watermark_mark){member(mark, "xmax"), member(mark, "watermark")};
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
