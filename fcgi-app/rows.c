#include "fcgi-app/rows.h"

#include <string.h>

#include "fcgi-app/csv_row.h"
#include "fcgi-app/cursor.h"
#include "fcgi-app/page.h"

/* Bytes of a link: web servers take no longer head, and clients no longer URL. It is there for order values that are
 * whole texts. */
enum { LONGEST_NEXT = 8 << 10 };

bool rows_is_single(const struct plan *p)
{
    return p->key_path || p->media == MEDIA_OBJECT;
}

void rows_begin(struct rows *w, const struct plan *p)
{
    w->plan = p;
    w->columns = (struct json_columns){p->columns, p->n_columns, p->counted ? 2 : 0, p->strip_nulls};
    w->n = 0;
    w->total = -1;
    w->next = NULL;
    w->found = w->misfit = false;
}

static void begin(struct rows *w, struct buf *b, const PGresult *r)
{
    w->found = true;
    w->misfit = PQnfields(r) != w->columns.first + (int)(w->columns.n + w->plan->n_hidden);
    if (w->misfit)
        return;
    json_forms_find(&w->forms, r, &w->columns);
    if (w->plan->media == MEDIA_CSV)
        csv_names_put(b, &w->columns);
    else if (!rows_is_single(w->plan))
        buf_putc(b, '[');
}

/* The page is full, and this is its last row. */
static void find_next(struct rows *w, const PGresult *r, int row)
{
    const struct plan_pages *pages = w->plan->pages;
    const char **values = arena_array(pages->a, pages->n, sizeof *values);
    for (size_t i = 0; i < pages->n; i++) {
        int column = w->columns.first + pages->columns[i];
        values[i] = PQgetisnull(r, row, column) ? NULL : PQgetvalue(r, row, column);
    }
    const char *cursor = cursor_encode(pages->a, pages->order, values, pages->n);
    if (cursor && strlen(pages->target) + strlen(cursor) <= LONGEST_NEXT)
        w->next = arena_printf(pages->a, "%s%s", pages->target, cursor);
}

static void put_row(struct rows *w, struct buf *b, const PGresult *r, int row)
{
    w->n++;
    if (w->plan->pages && w->n == w->plan->limit)
        find_next(w, r, row);
    if (w->n > 1 && rows_is_single(w->plan))
        return;
    if (w->plan->media == MEDIA_CSV) {
        csv_row_put(b, r, row, &w->columns);
        return;
    }
    if (w->n > 1)
        buf_putc(b, ',');
    json_row_put(b, r, row, &w->columns, &w->forms);
}

void rows_put(struct rows *w, struct buf *b, const PGresult *r)
{
    bool here = true;
    int n = PQntuples(r);
    if (!w->found)
        begin(w, b, r);
    if (w->misfit)
        return;
    if (n > 0 && !w->n)
        w->total = page_counted(w->plan, r, &here);
    for (int row = 0; here && row < n; row++)
        put_row(w, b, r, row);
}

void rows_end(const struct rows *w, struct buf *b)
{
    if (w->plan->media != MEDIA_CSV && !rows_is_single(w->plan))
        buf_putc(b, ']');
}
