#include "fcgi-app/deprecation.h"

#include <time.h>

#include "fcgi-app/url.h"

/* What the contract's comment could declare is a day that is there; another one is left out. */
static void put_sunset(struct buf *head, const char *day)
{
    struct tm t = {0};
    char date[64];
    const char *end = strptime(day, "%Y-%m-%d", &t);
    if (!end || *end || timegm(&t) == (time_t)-1) /* timegm() also finds the day of the week */
        return;
    strftime(date, sizeof date, "%a, %d %b %Y 00:00:00 GMT", &t); /* English: no program calls setlocale() */
    buf_printf(head, "Sunset: %s\r\n", date);
}

static bool put_successor(struct buf *head, const char *view)
{
    size_t length;
    int version;
    const char *entity = contract_name_entity(view, &length, &version);
    if (!entity)
        return false;
    buf_printf(head, "Link: </v%d/", version);
    url_put_segment(head, entity, length);
    buf_puts(head, ">; rel=\"successor-version\"");
    return true;
}

void deprecation_headers(struct buf *head, const struct contract *c)
{
    if (c->deprecated)
        buf_puts(head, "Deprecation: true\r\n");
    if (c->sunset)
        put_sunset(head, c->sunset);
}

void deprecation_link(struct buf *head, const struct contract *c, const char *next)
{
    bool successor = c->successor && put_successor(head, c->successor);
    if (next)
        buf_printf(head, "%s<%s>; rel=\"next\"", successor ? ", " : "Link: ", next);
    if (successor || next)
        buf_puts(head, "\r\n");
}
