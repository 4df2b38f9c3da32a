#include "fcgi-app/media.h"

#include <string.h>
#include <strings.h>

#include "fcgi-app/plan_error.h"

enum { FULL_QUALITY = 1000 };

struct media_name {
    const char *name;
    enum media media;
    int specificity;
};

static const struct media_name row_names[] = {
    {"*/*", MEDIA_JSON, 0},
    {"application/*", MEDIA_JSON, 1},
    {"application/json", MEDIA_JSON, 2},
    {"application/vnd.pgrst.array", MEDIA_JSON, 2},
    {"application/vnd.pgrst.array+json", MEDIA_JSON, 2},
    {"application/vnd.pgrst.object", MEDIA_OBJECT, 2},
    {"application/vnd.pgrst.object+json", MEDIA_OBJECT, 2},
    {"text/*", MEDIA_CSV, 1},
    {"text/csv", MEDIA_CSV, 2},
};
static const struct media_name document_names[] = {
    {"*/*", MEDIA_OPENAPI, 0},
    {"application/*", MEDIA_OPENAPI, 1},
    {"application/json", MEDIA_JSON, 2},
    {"application/openapi+json", MEDIA_OPENAPI, 2},
};

/* What can be given. */
struct offer {
    const struct media_name *names;
    size_t n;
    const char *hint;
};
static const struct offer row_offer = {
    row_names, ARRAY_SIZE(row_names),
    "Available are application/json, application/vnd.pgrst.object+json and text/csv."};
static const struct offer document_offer = {document_names, ARRAY_SIZE(document_names),
                                            "Available are application/openapi+json and application/json."};

struct choice {
    const struct media_name *name;
    bool strip_nulls;
    int quality; /* in thousandths */
};

/* A part of a header, without the blanks around it. */
struct slice {
    const char *s;
    size_t n;
};

static bool slice_is(struct slice x, const char *text)
{
    return strlen(text) == x.n && strncasecmp(x.s, text, x.n) == 0;
}

/* Takes what stands before the next separator (outside of quotes) off rest. */
static struct slice next_part(const char **rest, size_t *n, char separator)
{
    const char *begin = *rest;
    size_t i = 0;
    for (bool quoted = false; i < *n && (quoted || begin[i] != separator); i++)
        if (begin[i] == '"')
            quoted = !quoted;
    size_t past = i < *n ? i + 1 : i;
    *rest += past;
    *n -= past;
    while (i && (*begin == ' ' || *begin == '\t')) {
        begin++;
        i--;
    }
    while (i && (begin[i - 1] == ' ' || begin[i - 1] == '\t'))
        i--;
    return (struct slice){begin, i};
}

/* "0.25" -> 250; what is no number counts in full. */
static int quality(struct slice x)
{
    if (!x.n || (x.s[0] != '0' && x.s[0] != '1'))
        return FULL_QUALITY;
    int q = (x.s[0] - '0') * FULL_QUALITY, unit = FULL_QUALITY / 10;
    for (size_t i = 2; i < x.n && unit && x.s[i] >= '0' && x.s[i] <= '9'; i++, unit /= 10)
        q += (x.s[i] - '0') * unit;
    return q < FULL_QUALITY ? q : FULL_QUALITY;
}

static struct choice read_range(struct slice range, const struct offer *offer)
{
    struct choice c = {.quality = FULL_QUALITY};
    struct slice name = next_part(&range.s, &range.n, ';');
    for (size_t i = 0; i < offer->n; i++)
        if (slice_is(name, offer->names[i].name))
            c.name = &offer->names[i];
    while (range.n) {
        struct slice value = next_part(&range.s, &range.n, ';');
        struct slice key = next_part(&value.s, &value.n, '=');
        if (slice_is(key, "q"))
            c.quality = quality(value);
        else if (slice_is(key, "nulls") && slice_is(value, "stripped"))
            c.strip_nulls = true;
    }
    return c;
}

static bool better(const struct choice *c, const struct choice *than)
{
    if (!c->name || !c->quality)
        return false;
    if (!than->name || c->quality != than->quality)
        return !than->name || c->quality > than->quality;
    return c->name->specificity > than->name->specificity;
}

/* No header at all accepts anything, so what is offered first. */
static int choose(struct choice *best, const char *accept, struct arena *a, const struct offer *offer,
                  struct api_error *error)
{
    const char *rest = *accept ? accept : "*/*";
    *best = (struct choice){0};
    for (size_t n = strlen(rest); n;) {
        struct choice c = read_range(next_part(&rest, &n, ','), offer);
        if (better(&c, best))
            *best = c;
    }
    if (best->name)
        return 0;
    return plan_fail(error, "PGRST107",
                     arena_printf(a, "None of these media types are available: %s", plan_error_text(a, accept, false)),
                     NULL, offer->hint);
}

int media_choose(const char *accept, struct arena *a, enum media *media, bool *strip_nulls, struct api_error *error)
{
    struct choice best;
    if (choose(&best, accept, a, &row_offer, error) < 0)
        return -1;
    *media = best.name->media;
    *strip_nulls = best.strip_nulls && *media != MEDIA_CSV;
    return 0;
}

int media_choose_document(const char *accept, struct arena *a, enum media *media, struct api_error *error)
{
    struct choice best;
    if (choose(&best, accept, a, &document_offer, error) < 0)
        return -1;
    *media = best.name->media;
    return 0;
}
