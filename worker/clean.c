#include "worker/clean.h"

#include <string.h>

#include "lib/text.h"
#include "worker/convert.h"
#include "worker/operation.h"

enum { LONGEST_VALUE = 200 };

const char *const reason_names[] = {"missing",
                                    "malformed",
                                    "out_of_range",
                                    "too_long",
                                    "pattern",
                                    "not_in_enum",
                                    "bad_encoding",
                                    "bad_unit",
                                    "unresolved_reference",
                                    "duplicate_in_batch",
                                    "stale",
                                    "constraint",
                                    NULL};

const char *reason_value(struct arena *a, const char *s, size_t n)
{
    static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */
    char text[LONGEST_VALUE + 1];
    size_t out = 0;
    for (size_t i = 0; i < n;) {
        unsigned char c = (unsigned char)s[i];
        size_t length = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        bool good = c && n - i >= length && text_utf8_valid(s + i, length) == length;
        if (out + (good ? length : 3) > LONGEST_VALUE)
            break;
        memcpy(text + out, good ? s + i : replacement, good ? length : 3);
        out += good ? length : 3;
        i += good ? length : 1;
    }
    return arena_memdup(a, text, out);
}

/* One document's cleaning. */
struct cleaning {
    struct arena *arena;
    struct cleaned *out;
    size_t room; /* for reasons */
};

static void add_reason(struct cleaning *c, struct reason reason)
{
    struct cleaned *out = c->out;
    if (out->n_reasons == c->room) {
        c->room = c->room ? c->room * 2 : 4;
        struct reason *more = arena_array(c->arena, c->room, sizeof *more);
        if (out->n_reasons)
            memcpy(more, out->reasons, out->n_reasons * sizeof *more);
        out->reasons = more;
    }
    out->reasons[out->n_reasons++] = reason;
    out->rejected = out->rejected || reason.action == ACTION_REJECT;
}

/* Keeps why the value was not taken, and what is done about it. */
static void refuse(struct cleaning *c, const struct field *f, const struct value *as_it_came, const struct fault *fault)
{
    enum action action = f->on_error == ACTION_NULL && f->required ? ACTION_REJECT : f->on_error;
    add_reason(
        c, (struct reason){.code = fault->code,
                           .action = action,
                           .field = f->name,
                           .rule = fault->rule,
                           .value = as_it_came->text ? reason_value(c->arena, as_it_came->text, as_it_came->len) : NULL,
                           .message = fault->message});
}

static bool is_missing(const struct field *f, const struct value *v)
{
    if (v->kind == VALUE_ABSENT || v->kind == VALUE_NULL)
        return true;
    if (v->kind != VALUE_STRING && v->kind != VALUE_NUMBER)
        return false;
    char first = v->len ? *v->text : 0; /* mostly that tells already */
    for (const char *const *one = f->missing_values; *one; one++)
        if (**one == first && strlen(*one) == v->len && memcmp(*one, v->text, v->len) == 0)
            return true;
    return false;
}

/* What several places hold, joined; those that are missing are left out. A part that is no text is given back alone,
 * for the type to complain of. */
static struct value find_joined(struct cleaning *c, const struct field *f, const struct document *d)
{
    struct value whole = {.kind = VALUE_ABSENT};
    size_t n_join = strlen(f->join);
    for (const char *const *from = f->from; *from; from++) {
        struct value part = document_find(d, c->arena, *from);
        if (is_missing(f, &part))
            continue;
        if (part.kind != VALUE_STRING && part.kind != VALUE_NUMBER)
            return part;
        if (whole.kind == VALUE_ABSENT) {
            whole = (struct value){VALUE_STRING, part.text, part.len};
            continue;
        }
        char *text = arena_alloc(c->arena, whole.len + n_join + part.len + 1);
        memcpy(text, whole.text, whole.len);
        memcpy(text + whole.len, f->join, n_join);
        memcpy(text + whole.len + n_join, part.text, part.len);
        whole = (struct value){VALUE_STRING, text, whole.len + n_join + part.len};
    }
    return whole;
}

static struct value find_value(struct cleaning *c, const struct field *f, const struct document *d)
{
    if (!f->from[0])
        return (struct value){.kind = VALUE_ABSENT};
    return f->from[1] ? find_joined(c, f, d) : document_find(d, c->arena, f->from[0]);
}

/* Runs the field's operations over a text. A number whose text an operation changes is a text from then on. */
static bool operate(struct cleaning *c, const struct field *f, struct value *v, struct fault *fault)
{
    if (v->kind != VALUE_STRING && v->kind != VALUE_NUMBER)
        return true;
    if (memchr(v->text, 0, v->len)) /* no operation may hide that; the type refuses it */
        return true;
    struct cell text = {v->text, v->len};
    for (size_t i = 0; i < f->n_operations; i++) {
        struct operation o = f->operations[i];
        if (v->kind == VALUE_NUMBER) /* JSON's own numbers are read as JSON writes them */
            o.numbers = (struct number_form){.decimal_char = '.'};
        if (!o.apply(&o, c->arena, &text)) {
            *fault = (struct fault){REASON_BAD_UNIT, o.name, NULL};
            *v = (struct value){VALUE_STRING, text.text, text.len};
            return false;
        }
    }
    bool same = text.len == v->len && memcmp(text.text, v->text, v->len) == 0;
    *v = (struct value){same ? v->kind : VALUE_STRING, text.text, text.len};
    return true;
}

/* What stands in the place of a value that is missing or refused. */
static struct cell fallback(const struct field *f, bool take_default)
{
    return take_default && f->default_text ? (struct cell){f->default_text, strlen(f->default_text)}
                                           : (struct cell){NULL, 0};
}

static bool check_constraints(struct cleaning *c, const struct field *f, const struct value *as_it_came,
                              const struct cell *text)
{
    bool good = true;
    for (unsigned left = f->constrained; left; left &= left - 1) {
        struct fault fault;
        if (constraints[__builtin_ctz(left)].holds(f, text, c->arena, &fault))
            continue;
        refuse(c, f, as_it_came, &fault);
        good = false;
    }
    return good;
}

static struct cell clean_field(struct cleaning *c, const struct field *f, const struct document *d)
{
    struct value as_it_came = find_value(c, f, d), v = as_it_came;
    struct cell text;
    struct fault fault;
    bool sound = operate(c, f, &v, &fault);
    if (is_missing(f, &v)) {
        fault = (struct fault){REASON_MISSING, "required", NULL};
        if (f->required && !f->default_text)
            refuse(c, f, &as_it_came, &fault);
        return fallback(f, true);
    }
    if (!sound || !convert_value(f, &v, c->arena, &text, &fault)) {
        refuse(c, f, &as_it_came, &fault);
        return fallback(f, f->on_error == ACTION_DEFAULT);
    }
    if (!check_constraints(c, f, &as_it_came, &text))
        return fallback(f, f->on_error == ACTION_DEFAULT);
    return text;
}

void clean_document(const struct entity *e, const struct document *d, struct arena *a, struct cleaned *out)
{
    struct cleaning c = {.arena = a, .out = out};
    *out = (struct cleaned){.cells = arena_array(a, e->n_fields, sizeof *out->cells)};
    for (size_t i = 0; i < e->n_fields; i++)
        out->cells[i] = clean_field(&c, &e->fields[i], d);
}
