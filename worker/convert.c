#include "worker/convert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "worker/date_form.h"
#include "worker/decimal.h"
#include "worker/json_read.h"
#include "worker/number.h"

const char *const type_names[] = {"string", "integer",  "number", "boolean", "date",
                                  "time",   "datetime", "object", "array",   NULL};

static bool fail(struct fault *fault, const struct field *f, enum reason_code code, const char *message)
{
    *fault = (struct fault){code, type_names[f->type], message};
    return false;
}

/* Values that are text or can stand for it: strings, and numbers by their literal. */
static bool is_text(const struct value *v)
{
    return v->kind == VALUE_STRING || v->kind == VALUE_NUMBER;
}

static bool wrong_kind(struct fault *fault, const struct field *f, const struct value *v)
{
    static const char *const messages[] = {[VALUE_STRING] = "a text stands there",
                                           [VALUE_NUMBER] = "a number stands there",
                                           [VALUE_BOOLEAN] = "a boolean stands there",
                                           [VALUE_OBJECT] = "an object stands there",
                                           [VALUE_ARRAY] = "an array stands there",
                                           [VALUE_ABSENT] = NULL,
                                           [VALUE_NULL] = NULL};
    return fail(fault, f, REASON_MALFORMED, messages[v->kind]);
}

static bool to_string(const struct field *f, const struct value *v, struct arena *a, struct cell *out,
                      struct fault *fault)
{
    (void)a;
    if (!is_text(v))
        return wrong_kind(fault, f, v);
    *out = (struct cell){v->text, v->len};
    return true;
}

static bool is_whole(const char *literal, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strchr(".eE", literal[i]))
            return false;
    return true;
}

/* The number as a plain decimal. JSON's own numbers are read as JSON writes them, whatever the field says of its texts.
 */
static bool plain_number(const struct field *f, const struct value *v, struct arena *a, const char **out,
                         struct fault *fault)
{
    struct number_form form = {f->decimal_char, f->group_char};
    const char *s = v->text;
    size_t n = v->len;
    if (!is_text(v))
        return wrong_kind(fault, f, v);
    if (v->kind == VALUE_STRING) {
        char *literal = arena_alloc(a, n + 1);
        if (f->bare_number ? number_read(form, s, n, literal) != n || !n : !number_find(form, s, n, literal))
            return fail(fault, f, REASON_MALFORMED, NULL);
        s = literal;
        n = strlen(literal);
    }
    if (f->type == TYPE_INTEGER && !is_whole(s, n)) /* even 5.0: something else than a count was written there */
        return fail(fault, f, REASON_MALFORMED, "not a whole number");
    switch (decimal_plain(a, s, n, out)) {
    case DECIMAL_OK:
        return true;
    case DECIMAL_MALFORMED:
        break;
    case DECIMAL_TOO_LARGE:
        return fail(fault, f, REASON_OUT_OF_RANGE, "more than 1000 digits");
    }
    return fail(fault, f, REASON_MALFORMED, NULL);
}

static bool to_number(const struct field *f, const struct value *v, struct arena *a, struct cell *out,
                      struct fault *fault)
{
    const char *plain;
    if (!plain_number(f, v, a, &plain, fault))
        return false;
    *out = (struct cell){plain, strlen(plain)};
    return true;
}

static bool to_integer(const struct field *f, const struct value *v, struct arena *a, struct cell *out,
                       struct fault *fault)
{
    const char *plain;
    if (!plain_number(f, v, a, &plain, fault))
        return false;
    errno = 0;
    strtoll(plain, NULL, 10);
    if (errno)
        return fail(fault, f, REASON_OUT_OF_RANGE, "does not fit 64 bits");
    *out = (struct cell){plain, strlen(plain)};
    return true;
}

static bool is_one_of(const struct value *v, const char *const *list)
{
    for (; *list; list++)
        if (strlen(*list) == v->len && memcmp(*list, v->text, v->len) == 0)
            return true;
    return false;
}

static bool to_boolean(const struct field *f, const struct value *v, struct arena *a, struct cell *out,
                       struct fault *fault)
{
    (void)a;
    bool truth = v->kind == VALUE_BOOLEAN ? *v->text == 't' : is_text(v) && is_one_of(v, f->true_values);
    if (!truth && v->kind != VALUE_BOOLEAN && !(is_text(v) && is_one_of(v, f->false_values)))
        return is_text(v) ? fail(fault, f, REASON_MALFORMED, NULL) : wrong_kind(fault, f, v);
    *out = truth ? (struct cell){"true", 4} : (struct cell){"false", 5};
    return true;
}

static enum date_kind date_kind(enum field_type type)
{
    return type == TYPE_DATE ? DATE_ONLY : type == TYPE_TIME ? TIME_ONLY : DATE_AND_TIME;
}

static bool to_date_time(const struct field *f, const struct value *v, struct arena *a, struct cell *out,
                         struct fault *fault)
{
    struct date_time t;
    if (!is_text(v))
        return wrong_kind(fault, f, v);
    if (!date_form_parse(f->format, date_kind(f->type), v->text, v->len, &t))
        return fail(fault, f, REASON_MALFORMED,
                    f->format ? arena_printf(a, "not of the form %s, or not real", f->format) : NULL);
    const char *text = date_time_text(a, date_kind(f->type), &t, f->zone);
    *out = (struct cell){text, strlen(text)};
    return true;
}

/* Is U+0000 escaped in a JSON text? Postgres' jsonb does not take it. */
static bool holds_nul(const char *json, size_t n)
{
    for (const char *p = json, *end = json + n; (p = memchr(p, '\\', (size_t)(end - p))); p += 2)
        if (end - p >= 6 && memcmp(p, "\\u0000", 6) == 0)
            return true;
    return false;
}

static bool to_json(const struct field *f, const struct value *v, struct arena *a, struct cell *out,
                    struct fault *fault)
{
    enum value_kind wanted = f->type == TYPE_ARRAY ? VALUE_ARRAY : VALUE_OBJECT;
    struct value found = *v;
    if (v->kind == VALUE_STRING) { /* as a CSV has to carry it */
        struct json_mistake mistake;
        struct json *json = json_read(v->text, v->len, a, &mistake);
        if (!json)
            return fail(fault, f, mistake.kind == JSON_LONE_SURROGATE ? REASON_BAD_ENCODING : REASON_MALFORMED,
                        arena_printf(a, "not valid JSON at byte %zu: %s", mistake.at, mistake.message));
        found = document_value(json, json->nodes, a);
    }
    if (found.kind != wanted)
        return wrong_kind(fault, f, &found);
    if (holds_nul(found.text, found.len))
        return fail(fault, f, REASON_BAD_ENCODING, "holds \\u0000, which no text of Postgres can");
    *out = (struct cell){found.text, found.len};
    return true;
}

bool convert_value(const struct field *f, const struct value *v, struct arena *a, struct cell *out, struct fault *fault)
{
    static bool (*const converters[])(const struct field *, const struct value *, struct arena *, struct cell *,
                                      struct fault *) = {
        [TYPE_STRING] = to_string,      [TYPE_INTEGER] = to_integer, [TYPE_NUMBER] = to_number,
        [TYPE_BOOLEAN] = to_boolean,    [TYPE_DATE] = to_date_time,  [TYPE_TIME] = to_date_time,
        [TYPE_DATETIME] = to_date_time, [TYPE_OBJECT] = to_json,     [TYPE_ARRAY] = to_json};
    if (v->kind == VALUE_STRING && memchr(v->text, 0, v->len))
        return fail(fault, f, REASON_BAD_ENCODING, "holds a NUL character, which no text of Postgres can");
    return converters[f->type](f, v, a, out, fault);
}
