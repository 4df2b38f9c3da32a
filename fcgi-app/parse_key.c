/* The key of one row in a path: 42, or 2024,"north, upper" where the key has several columns. */
#include <string.h>

#include "fcgi-app/parse.h"

/* One value of the key: quoted, or all before the next comma; of a key with one column, all there is. */
static void take_value(struct parse *p, bool single, const char **value)
{
    const char *begin = p->at;
    if (parse_quoted(p, value)) {
        if (!*p->at || (*p->at == ',' && !single))
            return;
        p->at = begin;
    }
    size_t n = single ? strlen(begin) : strcspn(begin, ",");
    *value = arena_memdup(p->a, begin, n);
    p->at = begin + n;
}

int parse_key(struct parse *p, struct ast_condition **conditions)
{
    const char *const *key = p->contract->key;
    struct ast_condition **end = conditions;
    for (size_t i = 0; key[i]; i++) {
        if (i && !parse_take(p, ","))
            return parse_fail(p, arena_printf(p->a, "\",\" and a value of '%s'", key[i]));
        *end = arena_alloc(p->a, sizeof **end);
        **end = (struct ast_condition){.kind = CONDITION_FILTER,
                                       .filter = {.field = {.name = key[i]}, .operator= operator_find("eq", 2)}};
        take_value(p, !key[1], &(*end)->filter.value);
        end = &(*end)->next;
    }
    return parse_end(p, "end of input");
}
