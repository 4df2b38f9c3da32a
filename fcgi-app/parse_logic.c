/* or=(price.lt.5,not.and(name.like.a*,id.in.(1,2))): trees of conditions. */
#include <string.h>

#include "fcgi-app/parse.h"

/* The operator of a branch, if that is what comes next: in "or(…)" it is, in "or.eq.1" a column has that name. */
static bool take_branch(struct parse *p, struct ast_condition *c)
{
    const char *begin = p->at;
    bool negated = parse_take(p, "not.");
    bool is_and = parse_take(p, "and"), is_or = !is_and && parse_take(p, "or");
    parse_blanks(p);
    if ((is_and || is_or) && *p->at == '(') {
        c->kind = is_and ? CONDITION_AND : CONDITION_OR;
        c->negated = negated;
        return true;
    }
    p->at = begin;
    return false;
}

static int parse_branch(struct parse *p, struct ast_condition *c, int depth);

static int parse_term(struct parse *p, struct ast_condition *c, int depth)
{
    parse_blanks(p);
    if (take_branch(p, c))
        return parse_branch(p, c, depth + 1);
    if (parse_name(p, &c->filter.field.name) < 0 || parse_json_path(p, &c->filter.field) < 0)
        return -1;
    parse_blanks(p);
    if (!parse_take(p, "."))
        return parse_fail(p, "\"->>\", \"->\" or delimiter (.)");
    return parse_operation(p, c, true);
}

static int parse_branch(struct parse *p, struct ast_condition *c, int depth)
{
    if (depth > p->api->max_depth)
        return parse_refuse(p, arena_printf(p->a, "Conditions are nested more than %d deep.", p->api->max_depth), NULL);
    if (!parse_take(p, "("))
        return parse_fail(p, "\"(\"");
    struct ast_condition **end = &c->first;
    do {
        *end = arena_alloc(p->a, sizeof **end);
        if (parse_term(p, *end, depth) < 0)
            return -1;
        end = &(*end)->next;
        parse_blanks(p);
    } while (parse_take(p, ","));
    if (!parse_take(p, ")"))
        return parse_fail(p, "\",\" or \")\"");
    parse_blanks(p);
    return 0;
}

int parse_logic_key(struct parse *p, struct ast_condition *c, struct ast **level)
{
    const char *name;
    *level = p->root;
    for (;;) {
        if (parse_name(p, &name) < 0)
            return -1;
        if (!parse_take(p, "."))
            break;
        if (strcmp(name, "not") == 0)
            c->negated = true;
        else if (parse_step_into(p, name, level) < 0)
            return -1;
    }
    c->kind = strcmp(name, "and") == 0 ? CONDITION_AND : CONDITION_OR;
    return parse_end(p, "\"and\" or \"or\"");
}

int parse_logic_value(struct parse *p, struct ast_condition *c)
{
    parse_blanks(p);
    if (parse_branch(p, c, 1) < 0)
        return -1;
    return parse_end(p, "end of input");
}
