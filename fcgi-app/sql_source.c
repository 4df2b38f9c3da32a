/* Which rows: FROM and WHERE of the rows that are asked for and of those of each embed. */
#include <string.h>

#include "fcgi-app/sql.h"
#include "lib/settings.h"

/* An embed's source stands in the text wherever the embed is meant, and within those of the levels above. */
enum { LONGEST_EMBED_SOURCE = 64 << 10 };

static void put_view(struct sql *s, const struct contract *c, const char *row)
{
    buf_puts(&s->text, " FROM ");
    sql_name(s, SCHEMA_API);
    buf_putc(&s->text, '.');
    sql_name(s, c->view);
    buf_puts(&s->text, " AS ");
    buf_puts(&s->text, row);
}

/* "a.x = b.y AND …" */
static void put_equal(struct sql *s, const char *a, const char *const *x, const char *b, const char *const *y)
{
    for (size_t i = 0; x[i]; i++) {
        buf_printf(&s->text, "%s%s.", i ? " AND " : "", a);
        sql_name(s, x[i]);
        buf_printf(&s->text, " = %s.", b);
        sql_name(s, y[i]);
    }
}

/* The rows of e that belong to a row of the level above. Over a junction each counts once, however often the junction
 * has the pair. */
static void put_join(struct sql *s, const struct ast_embed *e)
{
    const struct relation *r = &e->relation;
    const char *row = e->level.row, *above = e->above->row;
    if (r->junction) {
        const char *junction = arena_printf(s->a, "j%s", row + 1);
        buf_puts(&s->text, "EXISTS (SELECT");
        put_view(s, r->junction->contract, junction);
        buf_puts(&s->text, " WHERE ");
        put_equal(s, junction, r->key->columns, above, r->key->target_columns);
        buf_puts(&s->text, " AND ");
        put_equal(s, junction, r->far->columns, row, r->far->target_columns);
        buf_putc(&s->text, ')');
    } else if (r->reverse) {
        put_equal(s, row, r->key->columns, above, r->key->target_columns);
    } else {
        put_equal(s, row, r->key->target_columns, above, r->key->columns);
    }
}

/* The level's conditions, and those that its inner embeds make. before: what stands before the first of them. */
static void put_conditions(struct sql *s, const struct ast *level, const char *before)
{
    if (level->conditions) {
        buf_puts(&s->text, before);
        sql_conditions(s, level->conditions, " AND ");
        before = " AND ";
    }
    for (const struct ast_item *i = level->items; i; i = i->next) {
        if (i->kind != ITEM_EMBED || !i->embed->inner)
            continue;
        buf_printf(&s->text, "%sEXISTS (SELECT", before);
        sql_embed_source(s, i->embed);
        buf_putc(&s->text, ')');
        before = " AND ";
    }
}

bool sql_has_conditions(const struct ast *level)
{
    const struct ast_item *i = level->items;
    while (i && (i->kind != ITEM_EMBED || !i->embed->inner))
        i = i->next;
    return level->conditions || i;
}

const char *sql_root_source(struct sql *s, const struct ast *ast)
{
    size_t mark = s->text.len;
    put_view(s, ast->contract, ast->row);
    put_conditions(s, ast, " WHERE ");
    return sql_cut(s, mark);
}

void sql_embed_source(struct sql *s, struct ast_embed *e)
{
    size_t mark = s->text.len;
    if (!e->level.source) {
        put_view(s, e->level.contract, e->level.row);
        buf_puts(&s->text, " WHERE ");
        put_join(s, e);
        put_conditions(s, &e->level, " AND ");
        if (s->text.len - mark > LONGEST_EMBED_SOURCE)
            s->too_much = true;
        e->level.source = s->too_much ? "" : sql_cut(s, mark);
    }
    buf_puts(&s->text, e->level.source);
}
