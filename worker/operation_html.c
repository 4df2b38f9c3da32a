/* What HTML leaves in texts that are not HTML: names of characters, and tags. */
#include <ctype.h>
#include <libxml/HTMLparser.h>
#include <string.h>
#include <strings.h>
#include <unistr.h>

#include "worker/operation.h"

enum { LONGEST_ENTITY = 32 };

/* Numbers 128 to 159 mean Windows-1252 to every browser (HTML, "numeric character reference end state"); 0: none. */
static const uint16_t windows_1252[32] = {
    0x20ac, 0,      0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017d, 0,      0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,      0x017e, 0x0178,
};

/* The number of "#8211" or "#x2013"; 0 when it is none, or none of a character that a text can hold. */
static ucs4_t numbered(const char *name)
{
    bool hex = name[1] == 'x' || name[1] == 'X';
    const char *p = name + 1 + hex;
    ucs4_t v = 0;
    if (!*p)
        return 0;
    for (; *p; p++) {
        int c = tolower((unsigned char)*p);
        if (!(hex ? isxdigit(c) : isdigit(c)))
            return 0;
        v = v * (hex ? 16 : 10) + (ucs4_t)(isdigit(c) ? c - '0' : c - 'a' + 10);
        if (v > 0x10ffff)
            return 0;
    }
    if (v >= 0x80 && v < 0xa0)
        return windows_1252[v - 0x80];
    return v >= 0xd800 && v < 0xe000 ? 0 : v;
}

/* The character that the n bytes between "&" and ";" stand for; 0 when it is unknown. */
static ucs4_t character_of(const char *s, size_t n)
{
    char name[LONGEST_ENTITY + 1] = "";
    memcpy(name, s, n);
    if (*name == '#')
        return numbered(name);
    const htmlEntityDesc *entity = htmlEntityLookup((const xmlChar *)name);
    return entity ? (ucs4_t)entity->value : 0;
}

bool operation_unescape_html(const struct operation *self, struct arena *a, struct cell *text)
{
    const char *s = text->text, *end = s + text->len;
    (void)self;
    if (!memchr(s, '&', text->len))
        return true;
    char *out = arena_alloc(a, text->len + 1), *p = out; /* no character is longer than its name */
    while (s < end) {
        size_t most = (size_t)(end - s) - 1 < LONGEST_ENTITY + 1 ? (size_t)(end - s) - 1 : LONGEST_ENTITY + 1;
        const char *close = *s == '&' ? memchr(s + 1, ';', most) : NULL;
        ucs4_t c = close ? character_of(s + 1, (size_t)(close - s) - 1) : 0;
        if (c) {
            p += u8_uctomb((uint8_t *)p, c, 6);
            s = close + 1;
        } else
            *p++ = *s++;
    }
    *text = (struct cell){out, (size_t)(p - out)};
    return true;
}

/* A walk over a text with tags. Once no ">" or "-->" was found there is none further on, and no search is repeated. */
struct walk {
    const char *s, *end;
    bool no_close, no_comment_end;
};

/* Where the tag at w->s ends, behind its ">"; NULL when it does not. A ">" in a quoted attribute is not its end. */
static const char *tag_end(struct walk *w)
{
    char quote = 0, before = 0;
    if (w->no_close)
        return NULL;
    for (const char *p = w->s + 1; p < w->end; p++) {
        if (quote) {
            quote = *p == quote ? 0 : quote;
            continue;
        }
        if (*p == '>')
            return p + 1;
        if ((*p == '"' || *p == '\'') && before == '=')
            quote = *p;
        if (*p != ' ')
            before = *p;
    }
    const char *close = memchr(w->s, '>', (size_t)(w->end - w->s)); /* the quote never ended */
    w->no_close = !close;
    return close ? close + 1 : NULL;
}

static const char *comment_end(struct walk *w)
{
    const char *close = w->no_comment_end ? NULL : memmem(w->s + 4, (size_t)(w->end - w->s) - 4, "-->", 3);
    w->no_comment_end = !close;
    return close ? close + 3 : NULL;
}

static bool name_is(const char *s, size_t n, const char *const names[])
{
    for (; *names; names++)
        if (strlen(*names) == n && strncasecmp(s, *names, n) == 0)
            return true;
    return false;
}

/* Where the element whose name is the n bytes at name ends: behind its end tag, else at the end of the text. */
static const char *element_end(struct walk *w, const char *after, const char *name, size_t n)
{
    for (w->s = after; w->s < w->end; w->s++) {
        w->s = memchr(w->s, '<', (size_t)(w->end - w->s));
        if (!w->s)
            return w->end;
        if ((size_t)(w->end - w->s) >= n + 2 && w->s[1] == '/' && strncasecmp(w->s + 2, name, n) == 0) {
            const char *close = tag_end(w);
            return close ? close : w->end;
        }
    }
    return w->end;
}

/*
 * Passes over the tag, comment or element at w->s, a "<"; false when it is only that letter. *space: it parted two
 * words, as a line break does.
 */
static bool skip_markup(struct walk *w, bool *space)
{
    static const char *const parting[] = {"br", "p",  "div", "li", "ul", "ol", "tr", "td", "th", "table",
                                          "hr", "h1", "h2",  "h3", "h4", "h5", "h6", "dt", "dd", NULL};
    static const char *const hidden[] = {"script", "style", NULL};
    size_t left = (size_t)(w->end - w->s), n = 0;
    const char *end = NULL;
    *space = false;
    if (left >= 4 && memcmp(w->s, "<!--", 4) == 0)
        end = comment_end(w);
    else if (left >= 2 && (w->s[1] == '!' || w->s[1] == '?'))
        end = tag_end(w);
    else {
        bool closing = left >= 2 && w->s[1] == '/';
        const char *name = w->s + 1 + closing;
        while (name + n < w->end && isalnum((unsigned char)name[n]))
            n++;
        if (!n || !isalpha((unsigned char)*name))
            return false;
        end = tag_end(w);
        *space = name_is(name, n, parting);
        if (end && !closing && name_is(name, n, hidden))
            end = element_end(w, end, name, n);
    }
    if (end)
        w->s = end;
    return end != NULL;
}

bool operation_strip_tags(const struct operation *self, struct arena *a, struct cell *text)
{
    struct walk w = {.s = text->text, .end = text->text + text->len};
    (void)self;
    if (!memchr(text->text, '<', text->len))
        return true;
    char *out = arena_alloc(a, text->len + 1), *p = out;
    while (w.s < w.end) {
        bool space;
        if (*w.s != '<' || !skip_markup(&w, &space))
            *p++ = *w.s++;
        else if (space)
            *p++ = ' ';
    }
    *text = (struct cell){out, (size_t)(p - out)};
    return true;
}
