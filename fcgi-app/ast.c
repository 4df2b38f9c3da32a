#include "fcgi-app/ast.h"

#include <string.h>

struct ast_embed *ast_find_embed(const struct ast *level, const char *name)
{
    struct ast_embed *named = NULL;
    for (const struct ast_item *i = level->items; i; i = i->next) {
        if (i->kind != ITEM_EMBED)
            continue;
        if (i->embed->alias && strcmp(i->embed->alias, name) == 0)
            return i->embed;
        if (!named && strcmp(i->embed->name, name) == 0)
            named = i->embed;
    }
    return named;
}
