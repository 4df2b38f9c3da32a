#include "worker/entity_field.h"

#include <json-c/json.h>
#include <string.h>

#include "worker/cfg_value.h"
#include "worker/convert.h"
#include "worker/date_form.h"
#include "worker/operation.h"
#include "worker/pattern.h"

enum { LONGEST_NAME = 63, LONGEST_FROM = 1024 };

const char *const action_names[] = {"reject", "null", "default", "park", NULL};

enum {
    DATES = 1 << TYPE_DATE | 1 << TYPE_TIME | 1 << TYPE_DATETIME,
    NUMBERS = 1 << TYPE_INTEGER | 1 << TYPE_NUMBER,
    JSON = 1 << TYPE_OBJECT | 1 << TYPE_ARRAY,
    EVERY = (1 << (TYPE_ARRAY + 1)) - 1
};

/* Keys that have a meaning for some types only. */
static const struct {
    const char *key;
    unsigned types;
} typed_keys[] = {
    {"format", DATES},
    {"zone", 1 << TYPE_DATETIME},
    {"decimalChar", NUMBERS}, /* of an integer: for its operations, such as cents */
    {"groupChar", NUMBERS},
    {"bareNumber", NUMBERS},
    {"trueValues", 1 << TYPE_BOOLEAN},
    {"falseValues", 1 << TYPE_BOOLEAN},
    {"clean", EVERY & ~JSON},
};

/* "date, time, datetime" */
static const char *types_text(unsigned types, struct arena *a)
{
    const char *text = "";
    for (size_t i = 0; type_names[i]; i++)
        if (types & 1u << i)
            text = arena_printf(a, "%s%s%s", text, *text ? ", " : "", type_names[i]);
    return text;
}

static void check_type(const struct field *f, const struct cfg *c, const char *key, unsigned types, struct arena *a)
{
    const struct cfg *v = cfg_get(c, key);
    if (v->present && !(types & 1u << f->type))
        cfg_error(v, "means nothing for type %s; it is for %s", type_names[f->type], types_text(types, a));
}

/* A list of texts, or the fallback where the key is missing. */
static const char *const *texts(const struct cfg *c, const char *key, const char *const *fallback)
{
    return cfg_get(c, key)->present ? cfg_strings(c, key, NULL) : fallback;
}

static char number_char(const struct cfg *c, const char *key, char fallback)
{
    const struct cfg *v = cfg_get(c, key);
    if (!v->value)
        return fallback;
    const char *s = cfg_value_string(v);
    if (strlen(s) == 1 && (unsigned char)*s < 0x7f && *s >= ' ' && !strchr("0123456789+-eE", *s))
        return *s;
    cfg_error(v, "one character of ASCII was expected that is no digit and no sign");
    return fallback;
}

static const char *check_pointer(const struct cfg *v, const char *from)
{
    if (!*from)
        cfg_error(v, "must not be empty; a column without a name goes by its number, such as \"#1\"");
    else if (strlen(from) > LONGEST_FROM)
        cfg_error(v, "longer than %d bytes", LONGEST_FROM);
    for (const char *p = *from == '/' ? strchr(from, '~') : NULL; p; p = strchr(p + 1, '~'))
        if (p[1] != '0' && p[1] != '1')
            cfg_error(v, "in a JSON Pointer \"~\" is written \"~0\" (RFC 6901)");
    return from;
}

static void load_from(struct field *f, const struct cfg *c, struct arena *a)
{
    const struct cfg *v = cfg_get(c, "from");
    bool several = json_object_is_type(v->value, json_type_array);
    size_t n = several ? cfg_length(v) : v->value ? 1 : 0;
    const char **from = arena_array(a, n + 1, sizeof *from);
    f->from = from;
    if (!v->present)
        cfg_error(c, "the key \"from\" is missing; where does \"%s\" come from? (null when no source has it)", f->name);
    else if (several && !n)
        cfg_error(v, "an empty list; write null when no source has it");
    for (size_t i = 0; i < n; i++) {
        const struct cfg *one = several ? cfg_at(v, i) : v;
        from[i] = check_pointer(one, cfg_value_string(one));
    }
    f->join = cfg_string(c, "join", "/");
    if (cfg_get(c, "join")->present && !several)
        cfg_error(cfg_get(c, "join"), "joins what a list in \"from\" finds; here is no list");
}

static void load_form(struct field *f, const struct cfg *c)
{
    enum date_kind kind = f->type == TYPE_DATE ? DATE_ONLY : f->type == TYPE_TIME ? TIME_ONLY : DATE_AND_TIME;
    f->format = cfg_string(c, "format", NULL);
    if (f->format && strcmp(f->format, "default") == 0) /* Frictionless' word for ISO 8601 */
        f->format = NULL;
    if (f->format && (DATES & 1u << f->type) && date_form_problem(f->format, kind))
        cfg_error(cfg_get(c, "format"), "%s", date_form_problem(f->format, kind));
    f->zone = cfg_string(c, "zone", NULL);
    if (f->zone && !date_zone_exists(f->zone))
        cfg_error(cfg_get(c, "zone"), "no zone \"%s\"; names of the tz database are known, such as \"Europe/Berlin\"",
                  f->zone);
    if (f->zone && strcmp(f->zone, "UTC") == 0)
        f->zone = NULL;
}

static void load_numbers(struct field *f, const struct cfg *c)
{
    f->decimal_char = number_char(c, "decimalChar", '.');
    f->group_char = number_char(c, "groupChar", 0);
    f->bare_number = cfg_bool(c, "bareNumber", true);
    if (f->decimal_char == f->group_char)
        cfg_error(cfg_get(c, "groupChar"), "the same as decimalChar");
}

static void load_operations(struct field *f, const struct cfg *c, struct arena *a)
{
    const struct cfg *list = cfg_get(c, "clean");
    f->n_operations = cfg_length(list);
    struct operation *operations = arena_array(a, f->n_operations, sizeof *operations);
    for (size_t i = 0; i < f->n_operations; i++)
        operation_load(&operations[i], cfg_at(list, i), (struct number_form){f->decimal_char, f->group_char});
    f->operations = operations;
}

/* A limit or default as it stands in the file, in the field's type; NULL after a mistake. What `format`, decimalChar
 * and their like say is about sources, not about this file: here ISO 8601 and plain numbers are written. */
static const char *own_text(const struct field *f, const struct cfg *c, struct arena *a)
{
    static const char *const yes[] = {"true", NULL}, *const no[] = {"false", NULL};
    struct field plain = *f;
    plain.format = NULL;
    plain.decimal_char = '.';
    plain.group_char = 0;
    plain.bare_number = true;
    plain.true_values = yes;
    plain.false_values = no;
    if (json_object_is_type(c->value, json_type_int) &&
        (json_object_get_uint64(c->value) >= INT64_MAX || json_object_get_int64(c->value) == INT64_MIN)) {
        cfg_error(c, "write a whole number as long as this as a string");
        return NULL;
    }
    struct value v = cfg_value(c, a);
    struct cell text;
    struct fault fault;
    if (v.kind == VALUE_NULL) {
        cfg_error(c, "null is no %s", type_names[f->type]);
        return NULL;
    }
    if (!convert_value(&plain, &v, a, &text, &fault)) {
        cfg_error(c, "not a valid %s%s%s%s", type_names[f->type], fault.message ? ": " : "",
                  fault.message ? fault.message : "", DATES & 1u << f->type ? "; ISO 8601 is read here" : "");
        return NULL;
    }
    return arena_memdup(a, text.text, text.len);
}

static const char *load_limit(const struct field *f, const struct cfg *c, const char *key, struct arena *a)
{
    const struct cfg *v = cfg_get(c, key);
    if (!v->present)
        return NULL;
    if (f->type == TYPE_DATETIME && f->zone) {
        cfg_error(v, "datetimes in a named zone have no limits, since only Postgres knows their order");
        return NULL;
    }
    return own_text(f, v, a);
}

static void load_enum(struct field *f, const struct cfg *c, struct arena *a)
{
    const struct cfg *v = cfg_get(c, "enum");
    if (!v->present)
        return;
    size_t n = cfg_length(v);
    const char **list = arena_array(a, n + 1, sizeof *list);
    if (!n)
        cfg_error(v, "a list of at least one value was expected");
    for (size_t i = 0; i < n; i++) {
        const char *text = own_text(f, cfg_at(v, i), a);
        list[i] = text ? text : "";
    }
    f->enumeration = list;
}

static void load_pattern(struct field *f, const struct cfg *c, struct arena *a)
{
    const char *message;
    f->pattern_text = cfg_string(c, "pattern", NULL);
    if (f->pattern_text && !(f->pattern = pattern_compile(a, f->pattern_text, &message)))
        cfg_error(cfg_get(c, "pattern"), "not a regular expression: %s", message);
}

static bool applies(const struct field *f, const char *name)
{
    for (size_t i = 0; i < n_constraints; i++)
        if (strcmp(constraints[i].name, name) == 0)
            return constraints[i].types & 1u << f->type;
    return false;
}

static void load_constraints(struct field *f, const struct cfg *c, struct arena *a)
{
    if (!c->present)
        return;
    const char **known = arena_array(a, n_constraints + 2, sizeof *known);
    known[0] = "required";
    for (size_t i = 0; i < n_constraints; i++) {
        known[i + 1] = constraints[i].name;
        check_type(f, c, constraints[i].name, constraints[i].types, a);
        if (constraints[i].types & 1u << f->type && cfg_get(c, constraints[i].name)->present)
            f->constrained |= 1u << i;
    }
    cfg_keys(c, known);
    f->required = cfg_bool(c, "required", false);
    f->min_length = cfg_integer(c, "minLength", -1, 0, INT32_MAX);
    f->max_length = cfg_integer(c, "maxLength", -1, 0, INT32_MAX);
    load_pattern(f, c, a);
    if (applies(f, "minimum"))
        f->minimum = load_limit(f, c, "minimum", a);
    if (applies(f, "maximum"))
        f->maximum = load_limit(f, c, "maximum", a);
    if (applies(f, "enum"))
        load_enum(f, c, a);
}

static void load_default(struct field *f, const struct cfg *c, struct arena *a)
{
    const struct cfg *v = cfg_get(c, "default");
    struct fault fault;
    if (!v->value)
        return;
    f->default_text = own_text(f, v, a);
    for (size_t i = 0; f->default_text && i < n_constraints; i++) {
        struct cell text = {f->default_text, strlen(f->default_text)};
        if ((constraints[i].types & 1u << f->type) && !constraints[i].holds(f, &text, a, &fault))
            cfg_error(v, "breaks the field's own %s%s%s", fault.rule, fault.message ? ": " : "",
                      fault.message ? fault.message : "");
    }
}

/* What becomes of a value that cannot be taken, and of a reference to what is not there. */
static void load_actions(struct field *f, const struct cfg *c)
{
    static const char *const on_error[] = {"reject", "null", "default", NULL};
    static const char *const on_missing[] = {"park", "reject", "null", NULL};
    static const enum action missing_actions[] = {ACTION_PARK, ACTION_REJECT, ACTION_NULL};
    int choice = cfg_choice(c, "onError", on_error, 0);
    f->on_error = choice < 0 ? ACTION_REJECT : (enum action)choice;
    if (f->on_error == ACTION_DEFAULT && !f->default_text)
        cfg_error(cfg_get(c, "onError"), "there is no default to take");
    f->reference = cfg_string(c, "reference", NULL);
    choice = cfg_choice(c, "onMissing", on_missing, 0);
    f->on_missing = missing_actions[choice < 0 ? 0 : choice];
    if (cfg_get(c, "onMissing")->present && !f->reference)
        cfg_error(cfg_get(c, "onMissing"), "is about references; \"reference\" is missing");
    if (f->required && !*f->from && !f->default_text)
        cfg_error(c, "required, but no source has it and there is no default");
}

const char *const field_keys[] = {
    "name",        "from",       "join",          "type",       "format",      "zone",        "decimalChar",
    "groupChar",   "bareNumber", "missingValues", "trueValues", "falseValues", "clean",       "default",
    "constraints", "onError",    "reference",     "onMissing",  "title",       "description", NULL};

void field_load(struct field *f, const struct cfg *c, struct arena *a)
{
    static const char *const nothing[] = {"", NULL};
    static const char *const yes[] = {"true", "True", "TRUE", "1", NULL};
    static const char *const no[] = {"false", "False", "FALSE", "0", NULL};
    cfg_keys(c, field_keys);
    f->name = cfg_need_string(c, "name");
    if (strlen(f->name) > LONGEST_NAME)
        cfg_error(cfg_get(c, "name"), "longer than %d bytes, which is all that Postgres keeps of a name", LONGEST_NAME);
    int type = cfg_choice(c, "type", type_names, -1);
    f->type = type < 0 ? TYPE_STRING : (enum field_type)type;
    for (size_t i = 0; type >= 0 && i < ARRAY_SIZE(typed_keys); i++)
        check_type(f, c, typed_keys[i].key, typed_keys[i].types, a);
    load_from(f, c, a);
    load_form(f, c);
    load_numbers(f, c);
    load_operations(f, c, a);
    f->missing_values = texts(c, "missingValues", nothing);
    f->true_values = texts(c, "trueValues", yes);
    f->false_values = texts(c, "falseValues", no);
    f->min_length = f->max_length = -1;
    if (type < 0) /* the rest would only be told as wrong for a string */
        return;
    load_constraints(f, cfg_get(c, "constraints"), a);
    load_default(f, c, a);
    load_actions(f, c);
}
