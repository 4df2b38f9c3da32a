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
    bool full = p->limit >= 0 && page->rows >= p->limit; /* so others may follow */
    if (page->rows > 0 && page->total < p->offset + page->rows)
        page->total = p->offset + page->rows;
    if (full)
        return;
    page->exact = page->rows > 0 || p->offset == 0; /* an empty page says no more than that the end lies before it */
    if (page->exact || page->total > p->offset)
        page->total = p->offset + page->rows;
}

struct page page_of(const struct plan *p, const PGresult *r, const PGresult *estimate)
{
    struct page page = {.rows = PQntuples(r), .total = -1};
    if (p->counted) {
        if (page.rows > 0 && !PQgetisnull(r, 0, 0))
            page.total = strtoll(PQgetvalue(r, 0, 0), NULL, 10);
        if (page.rows > 0 && PQgetvalue(r, 0, 1)[0] != 't')
            page.rows = 0;
        page.exact = page.total >= 0 && (p->count == COUNT_EXACT || page.total <= p->exact_up_to);
    }
    if (p->count == COUNT_NONE || page.exact)
        return page;
    long long planned = page_estimate(estimate);
    if (planned > page.total)
        page.total = planned;
    if (page.total >= 0)
        refine(&page, p);
    return page;
}
