#include "fcgi-app/page.h"

#include <stdlib.h>
#include <string.h>

long long page_estimate(const PGresult *estimate)
{
    /* Members are written in this form and no other, and a string can hold it only with its quotes escaped. The first
       is that of the plan's top. */
    static const char key[] = "\"Plan Rows\": ";
    if (!estimate || PQntuples(estimate) < 1)
        return -1;
    const char *at = strstr(PQgetvalue(estimate, 0, 0), key);
    return at ? strtoll(at + strlen(key), NULL, 10) : -1;
}

/* Takes from an estimate what the rows in hand say better. */
static void refine(struct page *page, const struct plan *p)
{
    if (p->after) { /* where the page begins is not known, so it tells only of its own rows */
        page->total = page->total < page->rows ? page->rows : page->total;
        return;
    }
    bool full = p->limit >= 0 && page->rows >= p->limit; /* so others may follow */
    if (page->rows > 0 && page->total < p->offset + page->rows)
        page->total = p->offset + page->rows;
    if (full)
        return;
    page->exact = page->rows > 0 || p->offset == 0; /* an empty page says no more than that the end lies before it */
    if (page->exact || page->total > p->offset)
        page->total = p->offset + page->rows;
}

bool page_is_last(const struct plan *p, const struct page *page)
{
    return page->exact && !p->after && page->rows >= 0 && p->offset + page->rows >= page->total;
}

long long page_counted(const struct plan *p, const PGresult *first, bool *here)
{
    *here = !p->counted || PQgetvalue(first, 0, 1)[0] == 't';
    return p->counted && !PQgetisnull(first, 0, 0) ? strtoll(PQgetvalue(first, 0, 0), NULL, 10) : -1;
}

/* What counting or the planner says, before the rows say more; true when it is to be refined by them. */
static bool count_page(struct page *page, const struct plan *p, long long counted, const PGresult *estimate)
{
    page->total = counted;
    page->exact = counted >= 0 && (p->count == COUNT_EXACT || counted <= p->exact_up_to);
    if (p->count == COUNT_NONE || page->exact)
        return false;
    long long planned = page_estimate(estimate);
    if (planned > page->total)
        page->total = planned;
    return page->total >= 0;
}

struct page page_of(const struct plan *p, long long rows, long long counted, const PGresult *estimate)
{
    struct page page = {.rows = rows};
    if (count_page(&page, p, counted, estimate))
        refine(&page, p);
    return page;
}

struct page page_begun(const struct plan *p, long long n, long long counted, const PGresult *estimate)
{
    struct page page = {.rows = -1};
    bool estimated = count_page(&page, p, counted, estimate);
    if (estimated && page.total < p->offset + n)
        page.total = p->offset + n;
    if (page.exact && !p->after) {
        page.rows = page.total - p->offset;
        if (p->limit >= 0 && page.rows > p->limit)
            page.rows = p->limit;
    }
    return page;
}

bool page_is_all(const struct plan *p, const struct page *page)
{
    if (p->after)
        return page->total < 0;
    if (page->rows >= 0)
        return page->total <= page->rows;
    return page->total < 0 || (p->offset == 0 && (p->limit < 0 || page->total <= p->limit));
}
