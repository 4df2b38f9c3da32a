#include "worker/operation.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#include "lib/text.h"

/* White space as Unicode has it, and the two characters without width that editors and exports leave behind. */
static bool is_blank(ucs4_t c)
{
    if (c < 0x80)
        return c == ' ' || (c >= '\t' && c <= '\r');
    return uc_is_property_white_space(c) || c == 0x200b || c == 0xfeff;
}

static bool is_ascii(const struct cell *text)
{
    for (size_t i = 0; i < text->len; i++)
        if ((unsigned char)text->text[i] >= 0x80)
            return false;
    return true;
}

static bool apply_trim(const struct operation *self, struct arena *a, struct cell *text)
{
    const uint8_t *start = (const uint8_t *)text->text, *end = start + text->len;
    ucs4_t c;
    (void)self;
    (void)a;
    while (start < end) {
        int n = *start < 0x80 ? (c = *start, 1) : u8_mbtouc(&c, start, (size_t)(end - start));
        if (!is_blank(c))
            break;
        start += n;
    }
    while (start < end) {
        const uint8_t *before = end - 1;
        c = *before;
        if (c >= 0x80)
            before = u8_prev(&c, end, start);
        if (!is_blank(c))
            break;
        end = before;
    }
    *text = (struct cell){(const char *)start, (size_t)(end - start)};
    return true;
}

static bool apply_squeeze(const struct operation *self, struct arena *a, struct cell *text)
{
    const uint8_t *s = (const uint8_t *)text->text, *end = s + text->len;
    char *out = arena_alloc(a, text->len + 1), *p = out;
    bool blank = false;
    (void)self;
    while (s < end) {
        ucs4_t c;
        int n = u8_mbtouc(&c, s, (size_t)(end - s));
        if (!is_blank(c)) {
            memcpy(p, s, (size_t)n);
            p += n;
            blank = false;
        } else if (!blank) {
            *p++ = ' ';
            blank = true;
        }
        s += n;
    }
    *text = (struct cell){out, (size_t)(p - out)};
    return true;
}

/* Takes over what libunistring allocated. The text is valid UTF-8, so only missing memory makes it fail. */
static void take(struct arena *a, struct cell *text, uint8_t *made, size_t n)
{
    if (!made)
        abort();
    *text = (struct cell){arena_memdup(a, made, n), n};
    free(made);
}

static bool change_case(struct arena *a, struct cell *text, int (*ascii)(int),
                        uint8_t *(*any)(const uint8_t *, size_t, const char *, uninorm_t, uint8_t *, size_t *))
{
    size_t n = 0;
    if (!is_ascii(text)) {
        uint8_t *made = any((const uint8_t *)text->text, text->len, NULL, NULL, NULL, &n);
        take(a, text, made, n);
        return true;
    }
    char *out = arena_memdup(a, text->text, text->len);
    for (size_t i = 0; i < text->len; i++)
        out[i] = (char)ascii((unsigned char)out[i]);
    text->text = out;
    return true;
}

static bool apply_upper(const struct operation *self, struct arena *a, struct cell *text)
{
    (void)self;
    return change_case(a, text, toupper, u8_toupper);
}

static bool apply_lower(const struct operation *self, struct arena *a, struct cell *text)
{
    (void)self;
    return change_case(a, text, tolower, u8_tolower);
}

static bool apply_nfc(const struct operation *self, struct arena *a, struct cell *text)
{
    size_t n = 0;
    (void)self;
    if (is_ascii(text))
        return true;
    uint8_t *made = u8_normalize(UNINORM_NFC, (const uint8_t *)text->text, text->len, NULL, &n);
    take(a, text, made, n);
    return true;
}

static bool apply_digits(const struct operation *self, struct arena *a, struct cell *text)
{
    char *out = arena_alloc(a, text->len + 1), *p = out;
    (void)self;
    for (size_t i = 0; i < text->len; i++)
        if (isdigit((unsigned char)text->text[i]))
            *p++ = text->text[i];
    *text = (struct cell){out, (size_t)(p - out)};
    return true;
}

/* Do the bytes at i end an ordinal number: "st", "nd", "rd" or "th" behind a digit and before no letter? */
static bool ends_ordinal(const struct cell *text, size_t i)
{
    static const char *const endings[] = {"st", "nd", "rd", "th"};
    const char *s = text->text + i;
    size_t left = text->len - i;
    if (i == 0 || left < 2 || !isdigit((unsigned char)s[-1]))
        return false;
    if (left > 2 && (isalnum((unsigned char)s[2]) || (unsigned char)s[2] >= 0x80))
        return false;
    for (size_t k = 0; k < ARRAY_SIZE(endings); k++)
        if (strncasecmp(s, endings[k], 2) == 0)
            return true;
    return false;
}

static bool apply_ordinal(const struct operation *self, struct arena *a, struct cell *text)
{
    char *out = arena_alloc(a, text->len + 1), *p = out;
    (void)self;
    for (size_t i = 0; i < text->len; i++)
        if (ends_ordinal(text, i))
            i++;
        else
            *p++ = text->text[i];
    *text = (struct cell){out, (size_t)(p - out)};
    return true;
}

const struct operation_kind operation_kinds[] = {
    {"cents", operation_cents},                 /* an amount of money in hundredths: "12.5" becomes "1250" */
    {"digits", apply_digits},                   /* keeps 0 to 9 only */
    {"lower", apply_lower},                     /* Unicode's lower case, of no language in particular */
    {"nfc", apply_nfc},                         /* Unicode's normal form C */
    {"ordinal", apply_ordinal},                 /* "4th" becomes "4" */
    {"squeeze", apply_squeeze},                 /* each run of white space becomes one space */
    {"strip_tags", operation_strip_tags},       /* takes HTML's tags, comments, scripts and styles out */
    {"trim", apply_trim},                       /* white space at both ends goes */
    {"unescape_html", operation_unescape_html}, /* "&amp;" becomes "&", once */
    {"upper", apply_upper},                     /* Unicode's upper case, of no language in particular */
    {NULL, NULL},
};

static void load_unit(struct operation *o, const struct cfg *c, const char *name)
{
    o->apply = operation_unit;
    o->unit = unit_find(name);
    if (o->unit)
        return;
    const char *near = text_nearest(name, unit_names);
    cfg_error(c, "no unit \"%s\"; %s%s%s", name, near ? "did you mean \"unit:" : "known are kg, g, lb and oz",
              near ? near : "", near ? "\"?" : "");
}

void operation_load(struct operation *o, const struct cfg *c, struct number_form numbers)
{
    const char *names[ARRAY_SIZE(operation_kinds) + 1] = {NULL};
    *o = (struct operation){.name = cfg_value_string(c), .numbers = numbers};
    if (strncmp(o->name, "unit:", 5) == 0) {
        load_unit(o, c, o->name + 5);
        return;
    }
    for (size_t i = 0; operation_kinds[i].name; i++) {
        names[i] = operation_kinds[i].name;
        if (strcmp(names[i], o->name) == 0)
            o->apply = operation_kinds[i].apply;
    }
    names[ARRAY_SIZE(operation_kinds) - 1] = "unit:kg";
    if (o->apply || !*o->name)
        return;
    const char *near = text_nearest(o->name, names);
    cfg_error(c, "no operation \"%s\"%s%s%s", o->name,
              near ? "; did you mean \""
                   : "; known are cents, digits, lower, nfc, ordinal, squeeze, strip_tags, trim, "
                     "unescape_html, upper and unit:kg, unit:g, unit:lb, unit:oz",
              near ? near : "", near ? "\"?" : "");
}
