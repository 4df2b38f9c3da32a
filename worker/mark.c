#include "worker/mark.h"

#include "worker/table.h"

static size_t end_of(const struct span *s)
{
    return s->at + s->len;
}

static struct span joined(struct span x, const struct span *y)
{
    size_t at = x.at < y->at ? x.at : y->at, end = end_of(&x) > end_of(y) ? end_of(&x) : end_of(y);
    return (struct span){at, end - at};
}

void marks_add(struct marks *m, struct arena *a, struct span span)
{
    struct span *list = arena_array(a, m->n + 1, sizeof *list);
    size_t n = 0, i = 0;
    while (i < m->n && end_of(&m->list[i]) < span.at)
        list[n++] = m->list[i++];
    for (; i < m->n && m->list[i].at <= end_of(&span); i++)
        span = joined(span, &m->list[i]);
    list[n++] = span;
    while (i < m->n)
        list[n++] = m->list[i++];
    *m = (struct marks){list, n};
}

static void put_part(struct arena *a, struct buf *out, const char *text, size_t n)
{
    table_put_text(out, arena_memdup(a, text, n), true);
}

void marks_put(const struct marks *m, struct arena *a, struct buf *out, const char *text, bool terminal)
{
    size_t at = 0;
    for (const struct span *s = m->list; s < m->list + m->n; at = end_of(s++)) {
        put_part(a, out, text + at, s->at - at);
        buf_puts(out, terminal ? "\033[7m" : MARK_BEGINS);
        put_part(a, out, text + s->at, s->len);
        buf_puts(out, terminal ? "\033[27m" : MARK_ENDS);
    }
    put_part(a, out, text + at, strlen(text) - at);
}
