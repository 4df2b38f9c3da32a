/* What rows are grouped by, and their order. */
#include <string.h>

#include "fcgi-app/sql.h"

void sql_prepare_groups(struct sql *s, const struct ast *level, struct outputs *outputs)
{
    for (size_t i = 0; level->aggregated && i < outputs->n; i++) {
        struct output *o = &outputs->list[i];
        size_t mark = s->text.len;
        if (sql_output_is_aggregate(o))
            continue;
        if (sql_output_is_comparable(o)) {
            sql_output_native(s, o);
            o->native = sql_cut(s, mark);
        } else {
            sql_output_json(s, o);
            o->json = sql_cut(s, mark);
        }
    }
}

static const char *group_of(const struct output *o)
{
    return o->native ? o->native : o->json;
}

/* The texts of all groups. Returns whether there is one. */
static bool put_groups(struct sql *s, const struct outputs *outputs, const char *before)
{
    bool any = false;
    for (size_t i = 0; i < outputs->n; i++) {
        if (!group_of(&outputs->list[i]))
            continue;
        buf_puts(&s->text, any ? ", " : before);
        buf_puts(&s->text, group_of(&outputs->list[i]));
        any = true;
    }
    return any;
}

void sql_groups(struct sql *s, const struct ast *level, const struct outputs *outputs)
{
    if (level->aggregated)
        put_groups(s, outputs, " GROUP BY ");
}

static bool same_field(const struct ast_field *a, const struct ast_field *b)
{
    if (a->column != b->column || a->n_steps != b->n_steps)
        return false;
    for (size_t i = 0; i < a->n_steps; i++)
        if (a->steps[i].as_text != b->steps[i].as_text || a->steps[i].is_index != b->steps[i].is_index ||
            strcmp(a->steps[i].operand, b->steps[i].operand) != 0)
            return false;
    return true;
}

/* Of an aggregated level: the group that the term orders by. */
static void put_group_term(struct sql *s, const struct ast_order *term, const struct outputs *outputs)
{
    for (size_t i = 0; i < outputs->n; i++) {
        const struct output *o = &outputs->list[i], *leaf = o->inner ? o->inner : o;
        if (!group_of(o) || o->embed != term->embed || !leaf->field || leaf->cast ||
            !same_field(leaf->field, &term->field))
            continue;
        buf_puts(&s->text, group_of(o));
        return;
    }
    s->ungrouped = term->field.name;
}

static void put_term(struct sql *s, const struct ast *level, const struct ast_order *term,
                     const struct outputs *outputs)
{
    static const char *const nulls[] = {
        [NULLS_DEFAULT] = "", [NULLS_FIRST] = " NULLS FIRST", [NULLS_LAST] = " NULLS LAST"};
    if (level->aggregated) {
        put_group_term(s, term, outputs);
    } else if (term->embed) {
        buf_puts(&s->text, "(SELECT ");
        sql_field(s, &term->field);
        sql_embed_source(s, term->embed);
        buf_puts(&s->text, " LIMIT 1)");
    } else {
        sql_field(s, &term->field);
    }
    buf_puts(&s->text, term->descending ? " DESC" : "");
    buf_puts(&s->text, nulls[term->nulls]);
}

/* The key, or the whole row of a contract that has none: rows that are equal then are equal in all. */
static void put_key(struct sql *s, const struct ast *level, bool total, const char *separator)
{
    for (size_t i = 0; level->contract->key[i]; i++, separator = ", ") {
        buf_printf(&s->text, "%s%s.", separator, level->row);
        sql_name(s, level->contract->key[i]);
    }
    if (total && !level->contract->key[0])
        buf_printf(&s->text, "%s(%s.*)::text", separator, level->row);
}

/* Without an order a result has none, as with PostgREST, but for where one is needed. */
void sql_order(struct sql *s, const struct ast *level, const struct outputs *outputs, enum order_need need)
{
    const char *separator = " ORDER BY ";
    for (const struct ast_order *o = level->order; o; o = o->next, separator = ", ") {
        buf_puts(&s->text, separator);
        put_term(s, level, o, outputs);
    }
    if (need == ORDER_AS_ASKED || (need == ORDER_OF_PAGES && level->order))
        return;
    if (level->aggregated)
        put_groups(s, outputs, separator);
    else
        put_key(s, level, need == ORDER_TOTAL, separator);
}
