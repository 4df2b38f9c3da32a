/* URLs, by libcurl's parser, so that what is checked is what is asked. */
#include <curl/curl.h>
#include <strings.h>

#include "worker/http.h"

static CURLU *parse(const char *url)
{
    CURLU *u = curl_url();
    if (u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK)
        return u;
    curl_url_cleanup(u);
    return NULL;
}

/* A part as text in a; "" when there is none. */
static const char *part(struct arena *a, CURLU *u, CURLUPart which, unsigned flags)
{
    char *text = NULL;
    const char *copy = curl_url_get(u, which, &text, flags) == CURLUE_OK ? arena_strdup(a, text) : "";
    curl_free(text);
    return copy;
}

static bool is_spoken(struct arena *a, CURLU *u)
{
    const char *scheme = part(a, u, CURLUPART_SCHEME, 0);
    return strcasecmp(scheme, "http") == 0 || strcasecmp(scheme, "https") == 0;
}

const char *http_resolve(struct arena *a, const char *base, const char *ref)
{
    CURLU *u = parse(base);
    const char *url = NULL;
    if (u && curl_url_set(u, CURLUPART_URL, ref, 0) == CURLUE_OK && is_spoken(a, u))
        url = part(a, u, CURLUPART_URL, 0);
    curl_url_cleanup(u);
    return url;
}

bool http_same_origin(const char *x, const char *y)
{
    static const CURLUPart parts[] = {CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT};
    CURLU *u = parse(x), *v = parse(y);
    bool same = u && v;
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; same && i < ARRAY_SIZE(parts); i++)
        same = strcasecmp(part(&a, u, parts[i], CURLU_DEFAULT_PORT), part(&a, v, parts[i], CURLU_DEFAULT_PORT)) == 0;
    arena_release(&a);
    curl_url_cleanup(u);
    curl_url_cleanup(v);
    return same;
}

bool http_has_user(const char *url)
{
    struct arena a;
    CURLU *u = parse(url);
    arena_init(&a);
    bool has = u && (*part(&a, u, CURLUPART_USER, 0) || *part(&a, u, CURLUPART_PASSWORD, 0));
    arena_release(&a);
    curl_url_cleanup(u);
    return has;
}

const char *http_display(struct arena *a, const char *url)
{
    static const CURLUPart secret[] = {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_QUERY, CURLUPART_FRAGMENT};
    CURLU *u = parse(url);
    const char *text = "(no URL)";
    for (size_t i = 0; u && i < ARRAY_SIZE(secret); i++)
        curl_url_set(u, secret[i], NULL, 0);
    if (u)
        text = part(a, u, CURLUPART_URL, 0);
    curl_url_cleanup(u);
    return text;
}

const char *http_add_parameter(struct arena *a, const char *url, const char *name, const char *value)
{
    CURLU *u = parse(url);
    const char *result = url;
    const char *pair = arena_printf(a, "%s=%s", name, value);
    /* the value is encoded, and a "=" in it too; the first "=" is the one between name and value */
    if (u && curl_url_set(u, CURLUPART_QUERY, pair, CURLU_APPENDQUERY | CURLU_URLENCODE) == CURLUE_OK)
        result = part(a, u, CURLUPART_URL, 0);
    curl_url_cleanup(u);
    return result;
}
