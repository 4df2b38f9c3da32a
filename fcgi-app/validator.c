#include "fcgi-app/validator.h"

#include <string.h>

enum { SETTLED = 5 /* seconds after which no other change is told to have been in the same one */ };

void validator_of_version(struct validator *v, const struct plan *p)
{
    *v = (struct validator){0};
    entity_tag_of_version(v->tag, p->version->hash, p->shape);
    if (p->now - p->version->changed_at >= SETTLED && *p->version->changed)
        v->last_modified = p->version->changed;
}

/* What one may see another may not, though nothing was modified. */
static bool is_personal(const struct plan *p)
{
    return p->claims && *p->claims;
}

static bool has(const char *header)
{
    return header && *header;
}

bool validator_asked(const struct plan *p)
{
    if (!p->sources)
        return false;
    if (has(p->if_none_match)) /* "*" holds for any good answer, and whether it is one only the rows say */
        return strcmp(p->if_none_match, "*") != 0;
    return has(p->if_modified_since) && !is_personal(p);
}

bool validator_matches(const struct validator *v, const struct plan *p)
{
    if (has(p->if_none_match))
        return *v->tag && entity_tag_matches(p->if_none_match, v->tag);
    return v->last_modified && has(p->if_modified_since) && !is_personal(p) &&
           strcmp(p->if_modified_since, v->last_modified) == 0;
}

/* Caches between may keep an answer for a second, unless the contract says something else; browsers ask again. */
static void put_cache_control(struct buf *head, const struct plan *p)
{
    const struct contract *c = p->contract;
    if (is_personal(p))
        buf_puts(head, "Cache-Control: private, no-cache\r\n");
    else if (!c || c->cache_seconds == 0)
        buf_puts(head, "Cache-Control: no-cache\r\n");
    else if (c->cache_seconds < 0)
        buf_puts(head, "Cache-Control: max-age=0, s-maxage=1, stale-while-revalidate=1\r\n");
    else
        buf_printf(head, "Cache-Control: max-age=%lld, s-maxage=%lld, stale-while-revalidate=%lld\r\n",
                   c->cache_seconds, c->cache_seconds, c->cache_seconds);
}

void validator_headers(struct buf *head, const struct validator *v, const struct plan *p)
{
    if (*v->tag) {
        buf_puts(head, "ETag: ");
        buf_puts(head, v->tag);
        buf_puts(head, "\r\n");
    }
    if (v->last_modified) {
        buf_puts(head, "Last-Modified: ");
        buf_puts(head, v->last_modified);
        buf_puts(head, "\r\n");
    }
    put_cache_control(head, p);
}
