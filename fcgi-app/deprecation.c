#include "fcgi-app/deprecation.h"

#include <time.h>

#include "fcgi-app/url.h"
#include "lib/text.h"

/* What the contract's comment could declare is a day that is there; another one is left out. */
static void put_sunset(struct buf *head, const char *day)
{
    struct tm t = {0};
    char date[32];
    const char *end = strptime(day, "%Y-%m-%d", &t);
    time_t at = end && !*end ? timegm(&t) : (time_t)-1;
    if (at == (time_t)-1)
        return;
    text_http_date(at, date);
    buf_printf(head, "Sunset: %s\r\n", date);
}

static const char *end_headers(struct arena *a, const struct contract *c)
{
    struct buf head;
    buf_init(&head, 200);
    if (c->deprecated)
        buf_puts(&head, "Deprecation: true\r\n");
    if (c->sunset)
        put_sunset(&head, c->sunset);
    const char *headers = head.len ? arena_strdup(a, buf_str(&head)) : NULL;
    buf_release(&head);
    return headers;
}

static const char *successor_link(struct arena *a, const char *view)
{
    size_t length;
    int version;
    const char *entity = view ? contract_name_entity(view, &length, &version) : NULL;
    if (!entity)
        return NULL;
    struct buf link;
    buf_init(&link, SIZE_MAX / 2);
    buf_printf(&link, "</v%d/", version);
    url_put_segment(&link, entity, length);
    buf_puts(&link, ">; rel=\"successor-version\"");
    const char *copy = arena_strdup(a, buf_str(&link));
    buf_release(&link);
    return copy;
}

void deprecation_prepare(struct api_contract *c, struct arena *a)
{
    c->end_headers = end_headers(a, c->contract);
    c->successor_link = successor_link(a, c->contract->successor);
}

void deprecation_link(struct buf *head, const char *successor_link, const char *next)
{
    if (!successor_link && !next)
        return;
    buf_puts(head, "Link: ");
    buf_puts(head, successor_link ? successor_link : "");
    buf_puts(head, successor_link && next ? ", " : "");
    if (next)
        buf_printf(head, "<%s>; rel=\"next\"", next);
    buf_puts(head, "\r\n");
}
