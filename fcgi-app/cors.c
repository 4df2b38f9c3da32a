#include "fcgi-app/cors.h"

#include <string.h>

#include "fcgi-app/plan.h"

enum { LONGEST_ASKED = 1000 }; /* bytes of a list of header names; browsers send far less */

/* What an answer of ours carries beside the headers that every page may read. */
#define EXPOSED                                                                                                        \
    "Content-Range, Content-Location, Content-Profile, Preference-Applied, ETag, Link, Deprecation, Sunset, "          \
    "Retry-After, Server-Timing, WWW-Authenticate"

bool cors_is_origin(const char *s)
{
    static const char in_scheme[] = "abcdefghijklmnopqrstuvwxyz0123456789+-.",
                      in_host[] = "abcdefghijklmnopqrstuvwxyz0123456789-._:[]";
    if (strcmp(s, "*") == 0)
        return true;
    size_t n = strspn(s, in_scheme);
    const char *host = s + n + 3;
    return n && strncmp(s + n, "://", 3) == 0 && *host && !host[strspn(host, in_host)];
}

/* "*" when all may read, the origin when it is in the list, NULL when it is not. */
static const char *allowed(const char *const *origins, const char *origin)
{
    for (; *origins; origins++) {
        if (strcmp(*origins, "*") == 0)
            return "*";
        if (strcmp(*origins, origin) == 0)
            return *origins;
    }
    return NULL;
}

/* Names of headers, as a preflight lists them (RFC 9110, section 5.6.2: tokens); nothing else comes back. */
static bool is_list_of_names(const char *s)
{
    size_t n = strlen(s);
    return n && n <= LONGEST_ASKED &&
           strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~, ") == n;
}

void cors_decide(struct cors *c, struct arena *a, const char *const *origins, const struct request *r)
{
    /* postgrest-js counts its retries in this header: allowed at once, none of them needs a preflight of its own */
    static const char always[] = "X-Retry-Count";
    *c = (struct cors){0};
    if (!origins || !*origins)
        return;
    c->allow_origin = allowed(origins, r->origin);
    c->varies = !c->allow_origin || strcmp(c->allow_origin, "*") != 0;
    c->preflight = c->allow_origin && *r->origin && *r->asked_method && strcmp(r->method, "OPTIONS") == 0;
    if (c->preflight)
        c->allow_headers =
            is_list_of_names(r->asked_headers) ? arena_printf(a, "%s, %s", always, r->asked_headers) : always;
}

void cors_headers(struct buf *head, const struct cors *c)
{
    if (!c->allow_origin)
        return;
    buf_printf(head, "Access-Control-Allow-Origin: %s\r\n", c->allow_origin);
    if (c->preflight)
        buf_printf(head,
                   "Access-Control-Allow-Methods: GET, HEAD, OPTIONS\r\n"
                   "Access-Control-Allow-Headers: %s\r\n"
                   "Access-Control-Max-Age: 86400\r\n",
                   c->allow_headers);
    else
        buf_puts(head, "Access-Control-Expose-Headers: " EXPOSED "\r\n");
}
