#include "fcgi-app/ast.h"

#include <string.h>

const char *ast_embed_key(const struct ast_embed *e)
{
    return e->alias ? e->alias : e->name;
}

struct ast_embed *ast_find_embed(const struct ast *level, const char *name)
{
    struct ast_embed *named = NULL;
    for (const struct ast_item *i = level->items; i; i = i->next) {
        if (i->kind != ITEM_EMBED)
            continue;
        if (strcmp(ast_embed_key(i->embed), name) == 0)
            return i->embed;
        if (!named && strcmp(i->embed->name, name) == 0)
            named = i->embed;
    }
    return named;
}
