#include "fcgi-app/type.h"

#include <stdlib.h>
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

/* Sorted, without modifiers. json_row.c writes them as to_json() would. */
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

struct bare {
    const char *head; /* "time" of "time(3) without time zone" */
    size_t head_length;
    const char *tail; /* " without time zone" */
};

static int compare_bare(const void *key, const void *element)
{
    const struct bare *b = key;
    const char *name = *(const char *const *)element;
    int order = strncmp(b->head, name, b->head_length);
    return order ? order : strcmp(b->tail, name + b->head_length);
}

/* An array keeps its "[]", so it is not in the list. */
bool type_is_plain(const char *type)
{
    const char *open = strchr(type, '('), *close = open ? strchr(open, ')') : NULL;
    struct bare b = {type, close ? (size_t)(open - type) : strlen(type), close ? close + 1 : ""};
    return bsearch(&b, plain_types, ARRAY_SIZE(plain_types), sizeof plain_types[0], compare_bare);
}

bool type_is_json(const char *type)
{
    return strcmp(type, "json") == 0 || strcmp(type, "jsonb") == 0;
}

bool type_is_tsvector(const char *type)
{
    return strcmp(type, "tsvector") == 0;
}
