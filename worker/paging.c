#include "worker/paging.h"

#include "lib/buf.h"
#include "worker/document.h"
#include "worker/http.h"
#include "worker/json_array.h"
#include "worker/json_read.h"

enum { LONGEST = 1 << 20 };

static const char *const names[] = {"none", "link", "next", "cursor", "offset", "page", NULL};

/* Which keys each way of paging has. */
static const struct {
    bool field, parameter, start, keep;
} has[] = {
    [PAGING_NEXT] = {.field = true, .keep = true},
    [PAGING_CURSOR] = {.field = true, .parameter = true, .keep = true},
    [PAGING_OFFSET] = {.parameter = true, .start = true, .keep = true},
    [PAGING_PAGE] = {.parameter = true, .start = true},
};

static void refuse(const struct cfg *c, const char *key, bool allowed, enum paging_by by)
{
    if (cfg_get(c, key)->present && !allowed)
        cfg_error(cfg_get(c, key), "means nothing for paging by \"%s\"", names[by]);
}

void paging_load(struct paging *p, const struct cfg *root)
{
    static const char *const keys[] = {"by", "field", "parameter", "start", "keep", NULL};
    const struct cfg *c = cfg_get(root, "paging");
    *p = (struct paging){.by = PAGING_NONE};
    if (!c->present)
        return;
    cfg_keys(c, keys);
    int by = cfg_choice(c, "by", names, -1);
    p->by = by < 0 ? PAGING_NONE : (enum paging_by)by;
    if (by < 0)
        return;
    refuse(c, "field", has[by].field, p->by);
    refuse(c, "parameter", has[by].parameter, p->by);
    refuse(c, "start", has[by].start, p->by);
    refuse(c, "keep", has[by].keep, p->by);
    if (has[by].field && *(p->field = cfg_need_string(c, "field")) != '/')
        cfg_error(cfg_get(c, "field"), "a JSON Pointer was expected, such as \"/meta/next\"");
    if (has[by].parameter)
        p->parameter = cfg_need_string(c, "parameter");
    p->start = cfg_integer(c, "start", by == PAGING_PAGE, 0, 1000000);
    p->keep = cfg_bool(c, "keep", false);
}

void page_parse(struct page *page, struct arena *a, const char *at)
{
    struct json_mistake mistake;
    const struct document d = {.json = at ? json_read(at, strlen(at), a, &mistake) : NULL};
    *page = (struct page){.number = document_integer(&d, a, "/number"),
                          .text = document_text(&d, a, "/text"),
                          .etag = document_text(&d, a, "/etag"),
                          .modified = document_text(&d, a, "/modified"),
                          .sha256 = document_text(&d, a, "/sha256")};
}

static void put(struct buf *b, const char *key, const char *value)
{
    if (!value || !*value)
        return;
    buf_printf(b, "%s\"%s\":", b->len > 1 ? "," : "", key);
    buf_json_string(b, value, strlen(value));
}

const char *page_text(const struct page *page, struct arena *a)
{
    struct buf b;
    buf_init(&b, LONGEST);
    buf_putc(&b, '{');
    if (page->number)
        buf_printf(&b, "\"number\":%lld", page->number);
    put(&b, "text", page->text);
    put(&b, "etag", page->etag);
    put(&b, "modified", page->modified);
    put(&b, "sha256", page->sha256);
    const char *text = b.len > 1 && !b.failed ? arena_printf(a, "%s}", buf_str(&b)) : NULL;
    buf_release(&b);
    return text;
}

bool page_same(const struct page *x, const struct page *y)
{
    return x->number == y->number && !x->text == !y->text && (!x->text || strcmp(x->text, y->text) == 0);
}

const char *page_url(const struct page *page, const struct paging *p, const char *base, struct arena *a)
{
    switch (p->by) {
    case PAGING_NONE:
        break;
    case PAGING_LINK:
    case PAGING_NEXT:
        return page->text ? page->text : base;
    case PAGING_CURSOR:
        return page->text ? http_add_parameter(a, base, p->parameter, page->text) : base;
    case PAGING_OFFSET:
    case PAGING_PAGE:
        return http_add_parameter(a, base, p->parameter, arena_printf(a, "%lld", p->start + page->number));
    }
    return base;
}

const char *paging_find_next(const struct paging *p, const char *text, size_t n, struct arena *a)
{
    size_t at, len;
    struct json_mistake mistake;
    if (json_locate(text, n, p->field, &at, &len) <= 0)
        return NULL;
    const char *list = arena_printf(a, "[%.*s]", (int)len, text + at);
    const struct document d = {.json = json_read(list, strlen(list), a, &mistake)};
    struct value next = document_find(&d, a, "/0");
    if (!next.len || (next.kind != VALUE_STRING && next.kind != VALUE_NUMBER))
        return NULL;
    return arena_memdup(a, next.text, next.len);
}
