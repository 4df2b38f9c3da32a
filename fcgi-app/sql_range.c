/*
 * How many rows. A limit that is a parameter keeps Postgres from using one plan again: not knowing it, the planner
 * takes a tenth of all rows, finds that dear, and plans anew with the value each time. That is what is wanted where the
 * values of filters decide which plan is good. Where they cannot, it is half of the work, and so the limit stands in
 * the text.
 */
#include <string.h>

#include "fcgi-app/sql.h"

/* A longer page does not feel the planner, and might be most of what a filter leaves, so that its plan depends on the
 * filter's value after all. */
enum { LONGEST_STEADY = 1000 };

/* <, <=, > or >= of the column that the order begins with: whatever the value, an index over it leads there and gives
 * the order, and without one all is read and sorted. */
static bool is_bound_of_order(const struct ast *level, const struct ast_condition *c)
{
    const struct ast_filter *f = &c->filter;
    const struct ast_order *first = level->order;
    if (c->kind != CONDITION_FILTER || c->negated ||
        f->operator->kind != OPERATOR_QUANTIFIED ||
        f->quantifier != QUANTIFIER_NONE || !strchr("<>", f->operator->sql[0]))
        return false;
    return first && !first->embed && !first->field.n_steps && !f->field.n_steps &&
           first->field.column == f->field.column;
}

/* Recursion is bounded by the depth of embeds that the parser allows. */
static bool has_steady_embeds(const struct ast *level)
{
    for (const struct ast_item *i = level->items; i; i = i->next)
        if (i->kind == ITEM_EMBED && (i->embed->level.conditions || !has_steady_embeds(&i->embed->level)))
            return false;
    return true;
}

bool sql_is_steady(const struct plan *p, const struct ast *ast)
{
    for (const struct ast_condition *c = ast->conditions; c; c = c->next)
        if (p->counted || ast->aggregated || !is_bound_of_order(ast, c))
            return false;
    return has_steady_embeds(ast);
}

void sql_range(struct sql *s, const struct range *r)
{
    if (s->steady && !r->offset && r->limit >= 0 && r->limit <= LONGEST_STEADY) {
        buf_printf(&s->text, " LIMIT %lld", r->limit);
        return;
    }
    if (r->limit >= 0) {
        buf_puts(&s->text, " LIMIT ");
        sql_param(s, arena_printf(s->a, "%lld", r->limit), "bigint");
    }
    if (r->asked) {
        buf_puts(&s->text, " OFFSET ");
        sql_param(s, arena_printf(s->a, "%lld", r->offset), "bigint");
    }
}
