/* select=id,label:name,price::text,data->dimensions->>width */
#include <string.h>

#include "fcgi-app/parse.h"
#include "fcgi-app/plan_error.h"

/* Postgres takes 1,664 columns in a result; total and here of a counted one, and the terms of the order, count too. */
enum { MAX_ITEMS = 1000 };

static const char *const aggregates[] = {"avg()", "count()", "max()", "min()", "sum()"};

static int fail_aggregate(struct parse *p)
{
    return plan_fail(p->error, "PGRST123", "Use of aggregate functions is not allowed", NULL, NULL);
}

/* "!left", "!inner" or a hint, as may stand between an embed's name and its parenthesis. */
static int parse_embed_params(struct parse *p)
{
    for (int i = 0; i < 2 && parse_take(p, "!"); i++) {
        const char *param;
        if (parse_name(p, &param) < 0)
            return -1;
    }
    return 0;
}

/* Behind the name of what can only be an embed. */
static int refuse_embed(struct parse *p, const char *name)
{
    if (parse_embed_params(p) < 0)
        return -1;
    return *p->at == '(' ? parse_fail_relation(p, name) : parse_fail(p, "\"(\"");
}

static int parse_cast(struct parse *p, const struct type **cast)
{
    const char *name;
    if (parse_identifier(p, &name) < 0)
        return -1;
    *cast = type_find(name);
    if (*cast)
        return 0;
    const char *nearest = type_nearest(name);
    return plan_fail(
        p->error, "42704",
        arena_printf(p->a, "type \"%s\" is not one that can be cast to", plan_error_text(p->a, name, true)), NULL,
        nearest ? arena_printf(p->a, "Perhaps you meant \"%s\".", nearest) : NULL);
}

/* Behind a field's name: path, cast, and what is refused. */
static int parse_field_rest(struct parse *p, struct ast_item *item)
{
    if (parse_json_path(p, &item->field) < 0)
        return -1;
    parse_blanks(p);
    if (parse_take(p, "::") && parse_cast(p, &item->cast) < 0)
        return -1;
    if (parse_take(p, ".")) {
        for (size_t i = 0; i < ARRAY_SIZE(aggregates); i++)
            if (parse_take(p, aggregates[i]))
                return fail_aggregate(p);
        return parse_fail(p, "\"sum\", \"avg\", \"count\", \"max\" or \"min\"");
    }
    return 0;
}

static int parse_item(struct parse *p, struct ast_item *item)
{
    const char *name;
    parse_blanks(p);
    if (parse_take(p, "*")) {
        item->all = true;
        return 0;
    }
    if (parse_take(p, "..."))
        return parse_name(p, &name) < 0 ? -1 : refuse_embed(p, name);
    if (parse_name(p, &name) < 0)
        return -1;
    if (p->at[0] == ':' && p->at[1] != ':') {
        p->at++;
        item->alias = name;
        if (parse_name(p, &name) < 0)
            return -1;
    }
    if (strcmp(name, "count") == 0 && parse_take(p, "()"))
        return fail_aggregate(p);
    if (*p->at == '(' || *p->at == '!')
        return refuse_embed(p, name);
    item->field.name = name;
    return parse_field_rest(p, item);
}

int parse_select(struct parse *p, struct ast_item **items)
{
    struct ast_item **end = items;
    int n = 0;
    *items = NULL;
    do {
        if (++n > MAX_ITEMS)
            return parse_refuse(p, arena_printf(p->a, "At most %d columns can be selected.", MAX_ITEMS), NULL);
        *end = arena_alloc(p->a, sizeof **end);
        if (parse_item(p, *end) < 0)
            return -1;
        end = &(*end)->next;
        parse_blanks(p);
    } while (parse_take(p, ","));
    return parse_end(p, "\"->>\", \"->\", \"::\", \".\", \",\" or end of input");
}
