/*
 * Link headers, URLs, pages and positions: what an HTTP source goes by from one page to the next.
 */
#include "t/unit/tap.h"
#include "worker/http.h"
#include "worker/paging.h"
#include "worker/position.h"

static void test_links(struct arena *a)
{
    static const struct {
        const char *header, *next;
    } rows[] = {
        {"<https://x/2>; rel=\"next\"", "https://x/2"},
        {"</1>; rel=prev, </3>;rel=next", "/3"},
        {"<a,b;c>; title=\"x, <y>; rel=\\\"next\\\"\"; REL=\"last Next\"", "a,b;c"},
        {"<a>; rel=\"prev\"; rel=\"next\"", NULL},
        {"<a>; xrel=next", NULL},
        {"<a>; rel=nextpage", NULL},
        {"<a", NULL},
        {"<a>; rel=\"next", "a"},
        {"a; rel=next", NULL},
        {"<>; rel=next", ""},
        {"", NULL},
        {"<a>;;; rel = next", "a"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        is(http_link_next(a, rows[i].header), rows[i].next, rows[i].header);
}

static void test_urls(struct arena *a)
{
    is(http_resolve(a, "https://x/a/b?c", "../d?e=f"), "https://x/d?e=f", "a relative URL");
    is(http_resolve(a, "https://x/a", "//y/z"), "https://y/z", "another host");
    is(http_resolve(a, "https://x/a", "ftp://x/a"), NULL, "another protocol is refused");
    is(http_resolve(a, "https://x/a", "file:///etc/passwd"), NULL, "files, too");
    ok(http_same_origin("http://x/a", "HTTP://X:80/b?c"), "the port that goes without saying");
    ok(!http_same_origin("http://x/", "https://x/"), "another scheme is another place");
    ok(!http_same_origin("http://x/", "http://x:8080/"), "and another port");
    ok(!http_same_origin("http://x/", "http://x.y/"), "and another host");
    is(http_display(a, "https://me:pw@x/a?key=secret#f"), "https://x/a", "what may be secret is not shown");
    ok(http_has_user("https://me@x/") && !http_has_user("https://x/@me"), "a user in a URL is found");
    is(http_add_parameter(a, "https://x/a?b=c", "after", "d=&e f"), "https://x/a?b=c&after=d%3d%26e+f",
       "a parameter is encoded");
    is(http_add_parameter(a, "https://x/a", "p", "1"), "https://x/a?p=1", "the first one");
}

static void test_pages(struct arena *a)
{
    const struct paging cursor = {.by = PAGING_CURSOR, .field = "/next", .parameter = "c"};
    const struct paging number = {.by = PAGING_PAGE, .parameter = "p", .start = 1};
    struct page page, again = {.text = "a\"b", .number = 3, .etag = "\"e\"", .sha256 = "00"};
    page_parse(&page, a, page_text(&again, a));
    ok(page_same(&page, &again) && strcmp(page.etag, "\"e\"") == 0 && !page.modified,
       "a page comes back from its text");
    again = (struct page){0};
    is(page_text(&again, a), NULL, "the first has none");
    page_parse(&page, a, "{\"number\":");
    ok(page_same(&page, &again), "and what is no text is the first");
    is(page_url(&page, &number, "http://x/", a), "http://x/?p=1", "the first page's number");
    page.number = 4;
    is(page_url(&page, &number, "http://x/", a), "http://x/?p=5", "and a later one's");
    static const struct {
        const char *text, *next;
    } rows[] = {
        {"{\"next\":\"x\\u0041\"}", "xA"},
        {"{\"next\":12345678901234567890}", "12345678901234567890"},
        {"{\"next\":null}", NULL},
        {"{\"next\":\"\"}", NULL},
        {"{\"next\":false}", NULL},
        {"{\"next\":{}}", NULL},
        {"{}", NULL},
        {"[]", NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        is(paging_find_next(&cursor, rows[i].text, strlen(rows[i].text), a), rows[i].next, rows[i].text);
}

static void test_positions(struct arena *a)
{
    const struct position whole = {.of = "abc", .at = "{\"number\":3}", .sha256 = "0f", .offset = 12, .records = 4};
    struct position p;
    const char *text = position_text(&whole, a);
    position_parse(&p, a, "abc", text);
    ok(strcmp(p.at, whole.at) == 0 && strcmp(p.sha256, "0f") == 0 && p.offset == 12 && p.records == 4,
       "a position comes back: %s", text);
    position_parse(&p, a, "abd", text);
    ok(!p.at && !p.sha256 && !p.offset && strcmp(p.of, "abd") == 0, "in another place it means nothing");
    position_parse(&p, a, "abc", NULL);
    ok(!p.at && !p.sha256, "none is the beginning");
    position_parse(&p, a, "abc", "{\"of\":\"abc\",");
    ok(!p.at && !p.sha256, "and so is one that cannot be read");
}

int main(void)
{
    struct arena a;
    arena_init(&a);
    test_links(&a);
    test_urls(&a);
    test_pages(&a);
    test_positions(&a);
    arena_release(&a);
    return tap_done();
}
