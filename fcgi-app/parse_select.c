/* select=id,label:name,price::text,data->dimensions->>width,vendor!inner(name),...maker:vendors!maker_id(*),price.sum()
 */
#include <string.h>

#include "fcgi-app/parse.h"
#include "fcgi-app/plan_error.h"

enum {
    MAX_ITEMS = 1000,
    MAX_EMBEDS = 100 /* each is a query of its own for each row */
};

enum { AGGREGATE_AVG, AGGREGATE_COUNT, AGGREGATE_MAX, AGGREGATE_MIN, AGGREGATE_SUM };

static const struct aggregate aggregates[] = {
    [AGGREGATE_AVG] = {"avg", false}, [AGGREGATE_COUNT] = {"count", false}, [AGGREGATE_MAX] = {"max", true},
    [AGGREGATE_MIN] = {"min", true},  [AGGREGATE_SUM] = {"sum", false},
};

/* "sum()"; false, and the cursor where it was, when it is none. */
static bool take_aggregate(struct parse *p, const struct aggregate **aggregate)
{
    for (size_t i = 0; i < ARRAY_SIZE(aggregates); i++) {
        const char *begin = p->at;
        if (parse_take(p, aggregates[i].name) && parse_take(p, "()")) {
            *aggregate = &aggregates[i];
            return true;
        }
        p->at = begin;
    }
    return false;
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

/* Behind an aggregate: its cast. */
static int parse_aggregate_rest(struct parse *p, struct ast_item *item)
{
    if (!p->api->aggregates)
        return plan_fail(p->error, "PGRST123", "Use of aggregate functions is not allowed", NULL, NULL);
    parse_blanks(p);
    return parse_take(p, "::") ? parse_cast(p, &item->result_cast) : 0;
}

/* Behind a field's name: path, cast, aggregate. */
static int parse_field_rest(struct parse *p, struct ast_item *item)
{
    if (parse_json_path(p, &item->field) < 0)
        return -1;
    parse_blanks(p);
    if (parse_take(p, "::") && parse_cast(p, &item->cast) < 0)
        return -1;
    if (!parse_take(p, "."))
        return 0;
    if (!take_aggregate(p, &item->aggregate))
        return parse_fail(p, "\"sum\", \"avg\", \"count\", \"max\" or \"min\"");
    return parse_aggregate_rest(p, item);
}

/* "!left", "!inner" and a hint, as may stand between an embed's name and its parenthesis. */
static int parse_embed_params(struct parse *p, struct ast_embed *embed)
{
    for (int i = 0; i < 2 && parse_take(p, "!"); i++) {
        const char *param;
        if (parse_name(p, &param) < 0)
            return -1;
        if (strcmp(param, "inner") == 0)
            embed->inner = true;
        else if (strcmp(param, "left") != 0)
            embed->hint = param;
    }
    return 0;
}

static int parse_items(struct parse *p, struct ast_item **items, int depth);

/* Behind the name of what can only be an embed; item has its alias. */
static int parse_embed(struct parse *p, struct ast_item *item, const char *name, bool spread, int depth)
{
    struct ast_embed *embed = arena_alloc(p->a, sizeof *embed);
    *embed = (struct ast_embed){.name = name, .alias = item->alias, .spread = spread};
    item->kind = ITEM_EMBED;
    item->embed = embed;
    if (parse_embed_params(p, embed) < 0)
        return -1;
    if (!parse_take(p, "("))
        return parse_fail(p, "\"(\"");
    if (++p->n_embeds > MAX_EMBEDS)
        return parse_refuse(p, arena_printf(p->a, "At most %d relations can be embedded.", MAX_EMBEDS), NULL);
    if (depth > p->api->max_depth)
        return parse_refuse(p, arena_printf(p->a, "Embeds are nested more than %d deep.", p->api->max_depth), NULL);
    parse_blanks(p);
    if (*p->at != ')' && parse_items(p, &embed->level.items, depth) < 0)
        return -1;
    return parse_take(p, ")") ? 0 : parse_fail(p, "\"->>\", \"->\", \"::\", \".\", \",\" or \")\"");
}

static int parse_item(struct parse *p, struct ast_item *item, int depth)
{
    const char *name;
    parse_blanks(p);
    if (parse_take(p, "*")) {
        item->kind = ITEM_ALL;
        return 0;
    }
    if (parse_take(p, "..."))
        return parse_name(p, &name) < 0 ? -1 : parse_embed(p, item, name, true, depth + 1);
    if (parse_name(p, &name) < 0)
        return -1;
    if (p->at[0] == ':' && p->at[1] != ':') {
        p->at++;
        item->alias = name;
        if (parse_name(p, &name) < 0)
            return -1;
    }
    if (strcmp(name, "count") == 0 && parse_take(p, "()")) {
        item->aggregate = &aggregates[AGGREGATE_COUNT];
        return parse_aggregate_rest(p, item);
    }
    if (*p->at == '(' || *p->at == '!')
        return parse_embed(p, item, name, false, depth + 1);
    item->field.name = name;
    return parse_field_rest(p, item);
}

/* Recursion is bounded by the depth of embeds that the parser allows. */
static int parse_items(struct parse *p, struct ast_item **items, int depth)
{
    do {
        if (++p->n_items > MAX_ITEMS)
            return parse_refuse(p, arena_printf(p->a, "At most %d columns can be selected.", MAX_ITEMS), NULL);
        *items = arena_alloc(p->a, sizeof **items);
        if (parse_item(p, *items, depth) < 0)
            return -1;
        items = &(*items)->next;
        parse_blanks(p);
    } while (parse_take(p, ","));
    return 0;
}

int parse_select(struct parse *p, struct ast_item **items)
{
    *items = NULL;
    if (parse_items(p, items, 0) < 0)
        return -1;
    return parse_end(p, "\"->>\", \"->\", \"::\", \".\", \",\" or end of input");
}
