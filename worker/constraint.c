/* The constraints of a field (Frictionless Table Schema, "Field constraints"), each a row of one table. */
#include <string.h>
#include <unistr.h>

#include "worker/convert.h"
#include "worker/date_form.h"
#include "worker/decimal.h"
#include "worker/pattern.h"

static bool fail(struct fault *fault, enum reason_code code, const char *rule, const char *message)
{
    *fault = (struct fault){code, rule, message};
    return false;
}

/* Orders two texts that convert_value() made for this type. */
static int compare(enum field_type type, const char *x, const char *y)
{
    enum date_kind kind = type == TYPE_DATE ? DATE_ONLY : type == TYPE_TIME ? TIME_ONLY : DATE_AND_TIME;
    struct date_time tx, ty;
    if (type == TYPE_INTEGER || type == TYPE_NUMBER)
        return decimal_compare(x, y);
    /* the cleaner's own texts always parse; a datetime with a zone's name has no limits (see entity_field.c) */
    if (!date_form_parse(NULL, kind, x, strlen(x), &tx) || !date_form_parse(NULL, kind, y, strlen(y), &ty))
        return strcmp(x, y);
    return date_time_compare(&tx, &ty);
}

static bool holds_minimum(const struct field *f, const struct cell *text, struct arena *a, struct fault *fault)
{
    if (!f->minimum || compare(f->type, text->text, f->minimum) >= 0)
        return true;
    return fail(fault, REASON_OUT_OF_RANGE, "minimum", arena_printf(a, "below %s", f->minimum));
}

static bool holds_maximum(const struct field *f, const struct cell *text, struct arena *a, struct fault *fault)
{
    if (!f->maximum || compare(f->type, text->text, f->maximum) <= 0)
        return true;
    return fail(fault, REASON_OUT_OF_RANGE, "maximum", arena_printf(a, "above %s", f->maximum));
}

/* In code points. */
static long long length(const struct cell *text)
{
    return (long long)u8_mbsnlen((const uint8_t *)text->text, text->len);
}

static bool holds_min_length(const struct field *f, const struct cell *text, struct arena *a, struct fault *fault)
{
    if (f->min_length < 0 || length(text) >= f->min_length)
        return true;
    return fail(fault, REASON_OUT_OF_RANGE, "minLength",
                arena_printf(a, "%lld characters, at least %lld are needed", length(text), f->min_length));
}

static bool holds_max_length(const struct field *f, const struct cell *text, struct arena *a, struct fault *fault)
{
    if (f->max_length < 0 || (long long)text->len <= f->max_length || length(text) <= f->max_length)
        return true;
    return fail(fault, REASON_TOO_LONG, "maxLength",
                arena_printf(a, "%lld characters, at most %lld are taken", length(text), f->max_length));
}

static bool holds_pattern(const struct field *f, const struct cell *text, struct arena *a, struct fault *fault)
{
    enum pattern_verdict verdict = f->pattern ? pattern_match(f->pattern, text->text, text->len) : PATTERN_MATCHES;
    if (verdict == PATTERN_MATCHES)
        return true;
    return fail(fault, REASON_PATTERN, "pattern",
                verdict == PATTERN_GAVE_UP ? arena_printf(a, "matching %s took too many steps", f->pattern_text)
                                           : arena_printf(a, "does not match %s", f->pattern_text));
}

static bool holds_enum(const struct field *f, const struct cell *text, struct arena *a, struct fault *fault)
{
    (void)a;
    bool exact = f->type == TYPE_STRING || f->type == TYPE_BOOLEAN;
    for (const char *const *one = f->enumeration; one && *one; one++)
        if (exact ? strlen(*one) == text->len && memcmp(*one, text->text, text->len) == 0
                  : compare(f->type, text->text, *one) == 0)
            return true;
    return !f->enumeration || fail(fault, REASON_NOT_IN_ENUM, "enum", NULL);
}

enum {
    ORDERED = 1 << TYPE_INTEGER | 1 << TYPE_NUMBER | 1 << TYPE_DATE | 1 << TYPE_TIME | 1 << TYPE_DATETIME,
    TEXT = 1 << TYPE_STRING,
};

const struct constraint constraints[] = {
    {"minimum", ORDERED, holds_minimum},   {"maximum", ORDERED, holds_maximum},
    {"minLength", TEXT, holds_min_length}, {"maxLength", TEXT, holds_max_length},
    {"pattern", TEXT, holds_pattern},      {"enum", ORDERED | TEXT | 1 << TYPE_BOOLEAN, holds_enum},
};
const size_t n_constraints = ARRAY_SIZE(constraints);
