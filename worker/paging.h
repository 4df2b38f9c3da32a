/*
 * How an HTTP source is asked for the next page, and where a pull stands in its pages. Pure but for the configuration's
 * messages.
 */
#ifndef ORIEL_PAGING_H
#define ORIEL_PAGING_H

#include "lib/cfg.h"

enum paging_by { PAGING_NONE, PAGING_LINK, PAGING_NEXT, PAGING_CURSOR, PAGING_OFFSET, PAGING_PAGE };

/* The key "paging" of a source file. */
struct paging {
    enum paging_by by;
    const char *field;     /* next, cursor: a JSON Pointer into the page */
    const char *parameter; /* cursor, offset, page: of the query */
    long long start;       /* offset, page */
    bool keep;             /* next, cursor, offset: the next pull goes on where the last one ended */
};

void paging_load(struct paging *p, const struct cfg *root);

/* A page, as a position's `at` says it (JSON); all NULL or 0 is the first. */
struct page {
    const char *text; /* link, next: its URL; cursor: the cursor */
    long long number; /* offset, page: counted from 0 */
    /* of the page's content the last time that it was the last page, so that it need not come twice */
    const char *etag, *modified, *sha256;
};

void page_parse(struct page *page, struct arena *a, const char *at);
const char *page_text(const struct page *page, struct arena *a); /* NULL for the first without more */
bool page_same(const struct page *x, const struct page *y);      /* the same request */
/* Its URL, in a. base: the source's. */
const char *page_url(const struct page *page, const struct paging *p, const char *base, struct arena *a);

/* The URL or cursor in a page's text; NULL: there is none, so it was the last. In a. */
const char *paging_find_next(const struct paging *p, const char *text, size_t n, struct arena *a);

#endif
