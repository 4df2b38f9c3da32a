/*
 * Sources of kind "http": pages of an API, each a part of the pull.
 */
#include <poll.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/text.h"
#include "worker/http.h"
#include "worker/json_array.h"
#include "worker/paging.h"
#include "worker/secret.h"
#include "worker/source_kind.h"

enum { MOST_PAGE_BYTES = 1 << 30, SAVED_PAGE = 64 << 20 };

struct http_settings {
    const char *url, *shown; /* shown: without what may be secret */
    struct paging paging;
    struct secret bearer, password;
    const char *user;
    long long timeout_ms, connect_timeout_ms, long_pause_ms, page_bytes, pages;
};

struct asking {
    struct http *http; /* NULL: nothing is on its way */
    struct arena arena;
    struct page page;                     /* the one that is asked for, or in hand */
    struct page next;                     /* the one behind it, where that is known */
    const char *etag, *modified, *sha256; /* of the one in hand */
    long long pages;                      /* of this pull, since it was begun or taken up again */
    char seen[65];                        /* sum of a page's request, to find circles by: Brent's algorithm */
    long long seen_at, seen_for;
};

static const char *const keys[] = {"url",     "paging",         "auth",      "every",   "at",       "zone",
                                   "timeout", "connectTimeout", "longPause", "maxPage", "maxPages", NULL};

/* ---- configuration ---- */

static void load_auth(struct http_settings *h, const struct cfg *root)
{
    static const char *const ways[] = {"bearer", "basic", NULL};
    static const char *const of_basic[] = {"user", NULL};
    const struct cfg *auth = cfg_get(root, "auth");
    if (!auth->present)
        return;
    cfg_keys(auth, ways);
    const struct cfg *bearer = cfg_get(auth, "bearer"), *basic = cfg_get(auth, "basic");
    if (bearer->present == basic->present)
        cfg_error(auth, "either \"bearer\" or \"basic\" was expected");
    else if (bearer->present)
        secret_load(&h->bearer, bearer, NULL);
    else {
        h->user = cfg_need_string(basic, "user");
        secret_load(&h->password, basic, of_basic);
    }
}

static void load_url(struct http_settings *h, struct arena *a, const struct cfg *root)
{
    h->url = cfg_need_string(root, "url");
    h->shown = http_display(a, h->url);
    const char *whole = *h->url ? http_resolve(a, h->url, h->url) : "";
    if (!whole)
        cfg_error(cfg_get(root, "url"), "a URL of http or https was expected");
    else if (*whole && http_has_user(h->url))
        cfg_error(cfg_get(root, "url"), "user and password must not stand here; name their place by \"auth\"");
    else if (*whole)
        h->url = whole;
}

static void load(struct source *s, struct arena *a, const struct cfg *root, const struct settings *settings)
{
    struct http_settings *h = arena_alloc(a, sizeof *h);
    char sum[65];
    (void)settings;
    load_url(h, a, root);
    format_load(&s->format, root);
    paging_load(&h->paging, root);
    if (h->paging.keep && s->complete)
        cfg_error(cfg_get(cfg_get(root, "paging"), "keep"),
                  "a pull that goes on where the last one ended is not complete");
    load_auth(h, root);
    if (h->paging.field && s->format.kind != FORMAT_JSON)
        cfg_error(cfg_get(root, "paging"), "\"field\" is found in pages of the format json only; this one is another");
    h->timeout_ms = cfg_duration_ms(root, "timeout", "60s");
    h->connect_timeout_ms = cfg_duration_ms(root, "connectTimeout", "10s");
    h->long_pause_ms = cfg_duration_ms(root, "longPause", "15min");
    h->page_bytes = cfg_integer(root, "maxPage", SAVED_PAGE, 1, MOST_PAGE_BYTES);
    h->pages = cfg_integer(root, "maxPages", 100000, 1, 1000000000);
    const char *place = arena_printf(a, "%s %d %s %s", h->url, h->paging.by, h->paging.field ? h->paging.field : "",
                                     h->paging.parameter ? h->paging.parameter : "");
    text_sha256(place, strlen(place), sum);
    s->identity = arena_memdup(a, sum, 16);
    s->settings = h;
}

/* ---- asking ---- */

static void open_asking(struct pull *p)
{
    struct asking *k = p->state = mem_alloc(sizeof *k);
    arena_init(&k->arena);
}

static void drop(struct pull *p)
{
    struct asking *k = p->state;
    http_free(k->http);
    k->http = NULL;
    k->pages = k->seen_at = 0;
}

static void release(struct pull *p)
{
    drop(p);
    arena_release(&((struct asking *)p->state)->arena);
    free(p->state);
}

static enum pull_result wait_long(struct pull *p)
{
    p->pause_ms = ((const struct http_settings *)p->source->settings)->long_pause_ms;
    return PULL_WAIT;
}

/* Pages that lead back to one that was asked for in this pull lead round for ever. Whether that is so. */
static bool goes_round(struct asking *k, const char *url)
{
    char sum[65];
    text_sha256(url, strlen(url), sum);
    if (k->seen_at && strcmp(sum, k->seen) == 0)
        return true;
    if (k->pages >= k->seen_at + k->seen_for) {
        memcpy(k->seen, sum, sizeof sum);
        k->seen_for = k->seen_at ? k->seen_for * 2 : 1;
        k->seen_at = k->pages;
    }
    return false;
}

static int read_secrets(struct pull *p, struct asking *k, struct http_request *r)
{
    const struct http_settings *h = p->source->settings;
    const char *problem = NULL;
    if (h->bearer.env || h->bearer.file)
        r->bearer = secret_read(&h->bearer, &k->arena, &problem);
    r->user = h->user;
    if (h->user)
        r->password = secret_read(&h->password, &k->arena, &problem);
    if (problem)
        pull_tell(p, "%s", problem);
    return problem ? -1 : 0;
}

static enum pull_result busy(struct pull *p, const struct asking *k)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    long long wait = http_wait_ms(k->http);
    p->fd = http_fd(k->http);
    p->events = POLLIN;
    p->look_at_ms = t.tv_sec * 1000LL + t.tv_nsec / 1000000 + (wait < 0 ? 1000 : wait);
    return PULL_BUSY;
}

static enum pull_result ask(struct pull *p, struct asking *k)
{
    const struct http_settings *h = p->source->settings;
    arena_reset(&k->arena);
    page_parse(&k->page, &k->arena, p->position.at);
    struct http_request r = {.url = page_url(&k->page, &h->paging, h->url, &k->arena),
                             .etag = k->page.etag,
                             .modified = k->page.modified,
                             .timeout_ms = h->timeout_ms,
                             .connect_timeout_ms = h->connect_timeout_ms,
                             .most_bytes = (size_t)h->page_bytes};
    k->pages++;
    if (goes_round(k, r.url) || k->pages > h->pages) {
        pull_tell(p, "%s: after %lld pages the next one is %s", h->shown, k->pages - 1,
                  k->pages > h->pages ? "one too many (maxPages)" : "one that came before: they go round");
        return wait_long(p);
    }
    if (read_secrets(p, k, &r) < 0)
        return wait_long(p);
    k->http = http_start(&r);
    if (k->http)
        return busy(p, k);
    pull_tell(p, "%s: it could not be asked (the log says why)", h->shown);
    return PULL_WAIT;
}

/* ---- judging the answer ---- */

/* What is done about a status that brings no page. */
static const struct {
    int first, last;
    bool soon; /* with back-off, or when Retry-After says */
    const char *says;
} statuses[] = {
    {401, 403, false, "the credentials are refused"},
    {404, 404, false, "there is nothing under this URL"},
    {407, 407, false, "a proxy wants credentials"},
    {408, 408, true, "it was too slow for the server"},
    {410, 410, false, "there is nothing under this URL any more"},
    {425, 425, true, "it was too early"},
    {429, 429, true, "it was too often"},
    {300, 499, false, "the server does not take the request"},
    {500, 599, true, "the server failed"},
};

static enum pull_result refuse(struct pull *p, const struct http_settings *h, const struct http_answer *answer)
{
    const char *says = "that is no answer that one could expect";
    bool soon = false;
    for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
        if (answer->status >= statuses[i].first && answer->status <= statuses[i].last) {
            says = statuses[i].says;
            soon = statuses[i].soon;
            break;
        }
    pull_tell(p, "%s: status %ld: %s", h->shown, answer->status, says);
    p->pause_ms = answer->retry_after_ms ? answer->retry_after_ms : soon ? 0 : h->long_pause_ms;
    return PULL_WAIT;
}

static bool begins_with(const char *s, const char *begin)
{
    return strncasecmp(s, begin, strlen(begin)) == 0;
}

/* A page for people, such as a login form or an error, where data was promised. */
static bool is_html(const struct http_answer *answer, const char *text, size_t n, enum format_kind format)
{
    size_t i = 0;
    while (i < n && strchr(" \t\r\n", text[i]) && text[i])
        i++;
    return begins_with(answer->type, "text/html") || begins_with(answer->type, "application/xhtml") ||
           (format != FORMAT_CSV && i < n && text[i] == '<');
}

/* Sets k->next and what d says of more pages. -1: p->message says why not. */
static int find_next(struct pull *p, struct asking *k, struct delivery *d, const char *text, size_t n)
{
    const struct http_settings *h = p->source->settings;
    const struct paging *by = &h->paging;
    const struct http_answer *answer = http_answer(k->http);
    const char *next = NULL;
    d->more = by->by == PAGING_OFFSET || by->by == PAGING_PAGE;
    d->more_unless_empty = d->more || by->keep;
    k->next = (struct page){0};
    if (by->by == PAGING_LINK)
        next = *answer->next ? answer->next : NULL;
    else if (by->field)
        next = paging_find_next(by, text, n, &k->arena);
    if (!next)
        return 0;
    k->next.text = next;
    if (by->by != PAGING_CURSOR && !(k->next.text = http_resolve(&k->arena, answer->url, next))) {
        pull_tell(p, "%s: its next page is no URL of http or https", h->shown);
        return -1;
    }
    if (by->by != PAGING_CURSOR && !http_same_origin(k->next.text, h->url)) {
        pull_tell(p, "%s: its next page is on another host, %s, and is not asked for", h->shown,
                  http_display(&k->arena, k->next.text));
        return -1;
    }
    d->more = strcmp(page_url(&k->next, by, h->url, &k->arena), page_url(&k->page, by, h->url, &k->arena)) != 0;
    if (!d->more && !by->keep) {
        pull_tell(p, "%s: its next page is the page itself", h->shown);
        return -1;
    }
    return 0;
}

static enum pull_result take(struct pull *p, struct asking *k, struct delivery *d)
{
    const struct http_settings *h = p->source->settings;
    const struct http_answer *answer = http_answer(k->http);
    k->etag = *answer->etag ? arena_strdup(&k->arena, answer->etag) : NULL;
    k->modified = *answer->modified ? arena_strdup(&k->arena, answer->modified) : NULL;
    k->sha256 = arena_strdup(&k->arena, answer->sha256);
    if (pull_take_part(p, d, http_take_body(k->http), h->shown, k->sha256) == 0)
        return PULL_OPEN;
    pull_tell(p, "%s: what came cannot be read (the log says why)", h->shown);
    return PULL_WAIT;
}

static enum pull_result judge_text(struct pull *p, struct asking *k, struct delivery *d, const char *text, size_t n)
{
    const struct http_settings *h = p->source->settings;
    const struct http_answer *answer = http_answer(k->http);
    size_t at, len;
    if (is_html(answer, text, n, p->source->format.kind)) {
        pull_tell(p, "%s: a page of HTML came where data was expected; is there a login or an error?", h->shown);
        return wait_long(p);
    }
    /* what is packed is looked at when it is read */
    bool packed = n > 1 && memcmp(text, "\x1f\x8b", 2) == 0;
    if (p->source->format.kind == FORMAT_JSON && !packed && json_locate(text, n, "", &at, &len) < 0) {
        pull_tell(p, "%s: what came is not JSON, or cut off", h->shown);
        return PULL_WAIT;
    }
    if (find_next(p, k, d, text, n) < 0)
        return wait_long(p);
    if (k->page.sha256 && strcmp(k->page.sha256, answer->sha256) == 0 && !d->more)
        return PULL_NOTHING;
    return take(p, k, d);
}

static enum pull_result judge(struct pull *p, struct asking *k, struct delivery *d)
{
    const struct http_settings *h = p->source->settings;
    const struct http_answer *answer = http_answer(k->http);
    if (answer->status == 304 || answer->status == 204)
        return PULL_NOTHING;
    if (answer->status != 200 && answer->status != 203)
        return refuse(p, h, answer);
    char *text = answer->size ? mmap(NULL, answer->size, PROT_READ, MAP_PRIVATE, answer->fd, 0) : NULL;
    if (text == MAP_FAILED) {
        pull_tell(p, "%s: what came cannot be looked at", h->shown);
        return PULL_WAIT;
    }
    size_t mark = text && answer->size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0; /* of byte order */
    enum pull_result result = judge_text(p, k, d, text ? text + mark : "", answer->size - mark);
    if (text)
        munmap(text, answer->size);
    return result;
}

static enum pull_result look(struct pull *p, struct session *s, struct delivery *d)
{
    struct asking *k = p->state;
    enum pull_result result = PULL_WAIT;
    (void)s;
    if (!k->http)
        return ask(p, k);
    switch (http_step(k->http)) {
    case HTTP_BUSY:
        return busy(p, k);
    case HTTP_DONE:
        result = judge(p, k, d);
        break;
    case HTTP_FAILED:
        pull_tell(p, "%s: %s", ((const struct http_settings *)p->source->settings)->shown, http_problem(k->http));
        break;
    }
    http_free(k->http);
    k->http = NULL;
    return result;
}

/* ---- the position ---- */

static const char *next(struct pull *p, const struct delivery *d, bool last, struct arena *a)
{
    const struct http_settings *h = p->source->settings;
    const struct asking *k = p->state;
    struct page to = {0};
    if (!last && h->paging.by == PAGING_PAGE)
        to.number = k->page.number + 1;
    else if (h->paging.by == PAGING_OFFSET && (!last || h->paging.keep))
        to.number = k->page.number + d->part_records;
    else if (!last || h->paging.keep)
        to.text = k->next.text ? k->next.text : k->page.text;
    /* where the next pull asks for the same, only what is new is wanted */
    if (last && page_same(&to, &k->page)) {
        to.etag = k->etag;
        to.modified = k->modified;
        to.sha256 = k->sha256;
    }
    return page_text(&to, a);
}

const struct source_kind source_kind_http = {.name = "http",
                                             .keys = keys,
                                             .pulled = true,
                                             .load = load,
                                             .open = open_asking,
                                             .release = release,
                                             .drop = drop,
                                             .look = look,
                                             .next = next};
