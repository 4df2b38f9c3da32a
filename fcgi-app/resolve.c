/* Names of a request, found in the contracts. */
#include <string.h>

#include "fcgi-app/plan_error.h"
#include "fcgi-app/query.h"
#include "lib/text.h"

struct resolver {
    const struct api *api;
    struct arena *a;
    struct api_error *error;
    int n_rows; /* that have a name so far */
};

static int fail_column(const struct resolver *r, const struct contract *c, const char *name)
{
    const char **names = arena_array(r->a, c->n_columns + 1, sizeof *names);
    for (size_t i = 0; i < c->n_columns; i++)
        names[i] = c->columns[i].name;
    const char *nearest = text_nearest(name, names);
    return plan_fail(
        r->error, "42703",
        arena_printf(r->a, "column %s.%s does not exist", c->entity, plan_error_text(r->a, name, false)), NULL,
        nearest ? arena_printf(r->a, "Perhaps you meant to reference the column \"%s.%s\".", c->entity, nearest)
                : NULL);
}

static int resolve_field(const struct resolver *r, const struct ast *level, struct ast_field *f)
{
    f->row = level->row;
    f->column = contract_find_column(level->contract, f->name);
    return f->column ? 0 : fail_column(r, level->contract, f->name);
}

/* embed=is.null and embed=not.is.null ask whether an embed has a row. A column goes before an embed that is called
 * otherwise: in select=vendor:vendor_id(name)&vendor_id=is.null it is meant. */
static bool resolve_embed_condition(const struct ast *level, struct ast_condition *c)
{
    const struct ast_filter *f = &c->filter;
    if (f->operator->kind != OPERATOR_IS ||
        f->field.n_steps ||(strcmp(f->value, "NULL") != 0 && strcmp(f->value, "NOT NULL") != 0))
        return false;
    c->embed = ast_find_embed(level, f->field.name);
    if (!c->embed ||
        (strcmp(ast_embed_key(c->embed), f->field.name) != 0 && contract_find_column(level->contract, f->field.name)))
        return false;
    c->kind = CONDITION_EMBED;
    c->negated ^= strcmp(f->value, "NULL") == 0;
    return true;
}

/* Recursion is bounded by the depth of trees that the parser allows. */
static int resolve_conditions(const struct resolver *r, const struct ast *level, struct ast_condition *list)
{
    for (struct ast_condition *c = list; c; c = c->next) {
        if (c->kind != CONDITION_FILTER) {
            if (resolve_conditions(r, level, c->first) < 0)
                return -1;
        } else if (!resolve_embed_condition(level, c) && resolve_field(r, level, &c->filter.field) < 0) {
            return -1;
        }
    }
    return 0;
}

static int fail_related_order(const struct resolver *r, const struct ast *level, const char *relation)
{
    const char *name = plan_error_text(r->a, relation, false);
    return plan_fail(r->error, "PGRST118", arena_printf(r->a, "A related order on '%s' is not possible", name),
                     arena_printf(r->a, "'%s' and '%s' do not form a many-to-one or one-to-one relationship",
                                  level->contract->entity, name),
                     NULL);
}

static int resolve_order(const struct resolver *r, const struct ast *level, struct ast_order *list)
{
    for (struct ast_order *o = list; o; o = o->next) {
        if (o->relation) {
            o->embed = ast_find_embed(level, o->relation);
            if (!o->embed)
                return plan_fail_not_embedded(r->error, r->a, o->relation);
            if (o->embed->relation.to_many)
                return fail_related_order(r, level, o->relation);
        }
        if (resolve_field(r, o->embed ? &o->embed->level : level, &o->field) < 0)
            return -1;
    }
    return 0;
}

/* What a to-one spreads is as if it were the parent's own, its aggregates too. */
static int hoist_aggregates(const struct resolver *r, struct ast *parent, struct ast_embed *e)
{
    if (e->relation.to_many)
        return plan_fail(
            r->error, "PGRST127", "An aggregate cannot be asked for inside of a to-many that is spread",
            "Its columns are lists, of as many values as it has rows.",
            arena_printf(r->a, "Ask for '%s' without the three dots.", plan_error_text(r->a, e->name, false)));
    e->level.aggregated = false;
    parent->aggregated = true;
    return 0;
}

static int resolve_level(struct resolver *r, struct ast *level);

static int resolve_embed(struct resolver *r, struct ast *parent, struct ast_embed *e)
{
    struct relation_words words = {.name = e->name, .hint = e->hint};
    if (relation_find(&e->relation, r->a, r->api, parent->contract, &words, r->error) < 0 ||
        range_make(&e->level.range, e->level.limit, e->level.offset, "", r->api->max_rows, r->error) < 0)
        return -1;
    e->above = parent;
    e->level.contract = e->relation.target->contract;
    e->level.row = arena_printf(r->a, "t%d", ++r->n_rows);
    if (resolve_level(r, &e->level) < 0)
        return -1;
    return e->spread && e->level.aggregated ? hoist_aggregates(r, parent, e) : 0;
}

/* Recursion is bounded by the depth of embeds that the parser allows. */
static int resolve_level(struct resolver *r, struct ast *level)
{
    for (struct ast_item *i = level->items; i; i = i->next) {
        level->aggregated |= i->aggregate != NULL;
        if (i->kind == ITEM_EMBED && resolve_embed(r, level, i->embed) < 0)
            return -1;
        if (i->kind == ITEM_FIELD && i->field.name && resolve_field(r, level, &i->field) < 0)
            return -1;
    }
    if (resolve_order(r, level, level->order) < 0)
        return -1;
    return resolve_conditions(r, level, level->conditions);
}

int query_resolve(struct ast *ast, const struct api *api, struct arena *a, struct api_error *error)
{
    struct resolver r = {.api = api, .a = a, .error = error};
    ast->row = "t";
    return resolve_level(&r, ast);
}
