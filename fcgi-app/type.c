#include "fcgi-app/type.h"

#include <string.h>
#include <strings.h>

#include "lib/text.h"

static const struct type types[] = {
    {"bigint", "bigint"},
    {"bool", "boolean"},
    {"boolean", "boolean"},
    {"bytea", "bytea"},
    {"character varying", "character varying"},
    {"cidr", "cidr"},
    {"date", "date"},
    {"daterange", "daterange"},
    {"decimal", "numeric"},
    {"double precision", "double precision"},
    {"float", "double precision"},
    {"float4", "real"},
    {"float8", "double precision"},
    {"inet", "inet"},
    {"int", "integer"},
    {"int2", "smallint"},
    {"int4", "integer"},
    {"int4range", "int4range"},
    {"int8", "bigint"},
    {"int8range", "int8range"},
    {"integer", "integer"},
    {"interval", "interval"},
    {"json", "json"},
    {"jsonb", "jsonb"},
    {"macaddr", "macaddr"},
    {"money", "money"},
    {"numeric", "numeric"},
    {"numrange", "numrange"},
    {"real", "real"},
    {"smallint", "smallint"},
    {"text", "text"},
    {"time", "time without time zone"},
    {"time with time zone", "time with time zone"},
    {"time without time zone", "time without time zone"},
    {"timestamp", "timestamp without time zone"},
    {"timestamp with time zone", "timestamp with time zone"},
    {"timestamp without time zone", "timestamp without time zone"},
    {"timestamptz", "timestamp with time zone"},
    {"timetz", "time with time zone"},
    {"tsrange", "tsrange"},
    {"tstzrange", "tstzrange"},
    {"tsvector", "tsvector"},
    {"uuid", "uuid"},
    {"varchar", "character varying"},
};

/* Without modifiers. json_row.c writes them as to_json() would. */
static const char *const plain_types[] = {
    "bigint",
    "bit",
    "bit varying",
    "boolean",
    "bytea",
    "character",
    "character varying",
    "cidr",
    "date",
    "daterange",
    "double precision",
    "inet",
    "int4range",
    "int8range",
    "integer",
    "interval",
    "json",
    "jsonb",
    "macaddr",
    "macaddr8",
    "money",
    "name",
    "numeric",
    "numrange",
    "real",
    "smallint",
    "text",
    "time with time zone",
    "time without time zone",
    "timestamp with time zone",
    "timestamp without time zone",
    "tsquery",
    "tsrange",
    "tstzrange",
    "tsvector",
    "uuid",
    "xml",
};

const struct type *type_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if (strcasecmp(types[i].name, name) == 0)
            return &types[i];
    return NULL;
}

const char *type_nearest(const char *name)
{
    const char *names[ARRAY_SIZE(types) + 1];
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        names[i] = types[i].name;
    names[ARRAY_SIZE(types)] = NULL;
    return text_nearest(name, names);
}

/* "time(3) without time zone" -> "time without time zone" */
static const char *without_modifier(struct arena *a, const char *type)
{
    const char *open = strchr(type, '('), *close = open ? strchr(open, ')') : NULL;
    if (!close)
        return type;
    return arena_printf(a, "%.*s%s", (int)(open - type), type, close + 1);
}

bool type_is_plain(struct arena *a, const char *type)
{
    type = without_modifier(a, type); /* an array keeps its "[]", so it is not in the list */
    for (size_t i = 0; i < ARRAY_SIZE(plain_types); i++)
        if (strcmp(plain_types[i], type) == 0)
            return true;
    return false;
}

bool type_is_json(const char *type)
{
    return strcmp(type, "json") == 0 || strcmp(type, "jsonb") == 0;
}

bool type_is_tsvector(const char *type)
{
    return strcmp(type, "tsvector") == 0;
}
