#include "lib/openapi_name.h"

static const char letters_and_digits[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/* text with each byte that is neither letter nor digit nor in `kept` written as the escape and two digits. */
static const char *encode(struct arena *a, const char *text, const char *kept, char escape)
{
    static const char digits[] = "0123456789ABCDEF";
    char *out = arena_alloc(a, 3 * strlen(text) + 1), *end = out;
    for (const unsigned char *s = (const unsigned char *)text; *s; s++) {
        if (strchr(letters_and_digits, *s) || strchr(kept, *s)) {
            *end++ = (char)*s;
        } else {
            *end++ = escape;
            *end++ = digits[*s >> 4];
            *end++ = digits[*s & 15];
        }
    }
    return out;
}

const char *openapi_component_name(struct arena *a, const struct contract *c)
{
    return arena_printf(a, "%s_v%d", encode(a, c->entity, "_-", '.'), c->version);
}

const char *openapi_path(struct arena *a, const struct contract *c)
{
    return arena_printf(a, "/v%d/%s", c->version, encode(a, c->entity, "-._~", '%'));
}

/* Keys of the query that are no filters; a column of that name is filtered by its name in quotes. */
static bool is_reserved(const char *name)
{
    static const char *const reserved[] = {"after",       "and", "columns", "limit", "offset",
                                           "on_conflict", "or",  "order",   "select"};
    for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
        if (strcmp(reserved[i], name) == 0)
            return true;
    return false;
}

const char *openapi_filter_key(struct arena *a, const char *column)
{
    bool plain = *column && !is_reserved(column);
    for (const char *s = column; *s && plain; s++)
        plain = strchr(letters_and_digits, *s) || *s == '_' || *s == '$' || ((unsigned char)*s & 0x80);
    if (plain)
        return column;
    char *out = arena_alloc(a, 2 * strlen(column) + 3), *end = out;
    *end++ = '"';
    for (const char *s = column; *s; s++) {
        if (*s == '"' || *s == '\\')
            *end++ = '\\';
        *end++ = *s;
    }
    *end = '"';
    return out;
}
