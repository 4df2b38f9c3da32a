#include "lib/column_type.h"

/*
 * By name without modifier. A timestamp without a zone, a time and an interval are no date-time, time and duration of
 * RFC 3339, so they do not get these formats.
 */
static const struct {
    const char *name;
    enum column_form form;
    const char *format;
} types[] = {
    {"bigint", FORM_INTEGER, "int64"},
    {"bit", FORM_STRING, NULL},
    {"bit varying", FORM_STRING, NULL},
    {"boolean", FORM_BOOLEAN, NULL},
    {"bytea", FORM_STRING, NULL},
    {"character", FORM_STRING, NULL},
    {"character varying", FORM_STRING, NULL},
    {"cidr", FORM_STRING, NULL},
    {"date", FORM_STRING, "date"},
    {"daterange", FORM_STRING, NULL},
    {"double precision", FORM_NUMBER, "double"},
    {"inet", FORM_STRING, NULL},
    {"int4range", FORM_STRING, NULL},
    {"int8range", FORM_STRING, NULL},
    {"integer", FORM_INTEGER, "int32"},
    {"interval", FORM_STRING, NULL},
    {"macaddr", FORM_STRING, NULL},
    {"macaddr8", FORM_STRING, NULL},
    {"money", FORM_STRING, NULL},
    {"name", FORM_STRING, NULL},
    {"numeric", FORM_NUMBER, NULL},
    {"numrange", FORM_STRING, NULL},
    {"real", FORM_NUMBER, "float"},
    {"smallint", FORM_INTEGER, "int16"},
    {"text", FORM_STRING, NULL},
    {"time with time zone", FORM_STRING, NULL},
    {"time without time zone", FORM_STRING, "time-local"},
    {"timestamp with time zone", FORM_STRING, "date-time"},
    {"timestamp without time zone", FORM_STRING, "date-time-local"},
    {"tsquery", FORM_STRING, NULL},
    {"tsrange", FORM_STRING, NULL},
    {"tstzrange", FORM_STRING, NULL},
    {"tsvector", FORM_STRING, NULL},
    {"uuid", FORM_STRING, "uuid"},
    {"xml", FORM_STRING, NULL},
};

/* A name in its parts: "timestamp(3) with time zone[]" is "timestamp", 3, " with time zone", array. */
struct parts {
    const char *name, *modifier, *rest;
    size_t name_n, rest_n;
    bool array;
};

static struct parts split(const char *type)
{
    size_t n = strlen(type);
    struct parts p = {.name = type, .array = n > 2 && strcmp(type + n - 2, "[]") == 0};
    if (p.array)
        n -= 2;
    const char *open = memchr(type, '(', n), *close = open ? memchr(open, ')', n - (size_t)(open - type)) : NULL;
    p.name_n = close ? (size_t)(open - type) : n;
    if (close) {
        p.modifier = open + 1;
        p.rest = close + 1;
        p.rest_n = n - (size_t)(p.rest - type);
    }
    return p;
}

static bool is_named(const struct parts *p, const char *name)
{
    return strlen(name) == p->name_n + p->rest_n && memcmp(name, p->name, p->name_n) == 0 &&
           (!p->rest_n || memcmp(name + p->name_n, p->rest, p->rest_n) == 0);
}

/* "interval day to second(3)": the fields are no part of the type. */
static bool is_interval_of_fields(const struct parts *p)
{
    static const char start[] = "interval ";
    return p->name_n >= sizeof start && memcmp(p->name, start, sizeof start - 1) == 0;
}

static bool has_length(const struct parts *p)
{
    return p->modifier && (is_named(p, "character") || is_named(p, "character varying"));
}

struct column_type column_type_read(const char *type)
{
    struct parts p = split(type);
    struct column_type found = {
        .form = is_interval_of_fields(&p) ? FORM_STRING : FORM_ANY,
        .array = p.array,
        .max_length = has_length(&p) ? strtoll(p.modifier, NULL, 10) : 0,
    };
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if (is_named(&p, types[i].name)) {
            found.form = types[i].form;
            found.format = types[i].format;
        }
    return found;
}
