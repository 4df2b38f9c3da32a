#include "fcgi-app/query.h"

#include <string.h>

#include "fcgi-app/plan_error.h"
#include "fcgi-app/url.h"
#include "lib/text.h"

enum word { WORD_IGNORED, WORD_SELECT, WORD_ORDER, WORD_LIMIT, WORD_OFFSET, WORD_LOGIC, WORD_FILTER };

/* Keys that are no column's. Those that may have a path before them end in ".word" as well. */
static const struct {
    const char *key;
    enum word word;
    bool takes_path;
} words[] = {
    {"and", WORD_LOGIC, true},     {"columns", WORD_IGNORED, false},     {"limit", WORD_LIMIT, true},
    {"offset", WORD_OFFSET, true}, {"on_conflict", WORD_IGNORED, false}, {"or", WORD_LOGIC, true},
    {"order", WORD_ORDER, true},   {"select", WORD_SELECT, false},
};

static enum word word_of(const char *key)
{
    const char *dot = strrchr(key, '.'), *last = dot ? dot + 1 : key;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (strcmp(words[i].key, words[i].takes_path ? last : key) == 0)
            return words[i].word;
    return WORD_FILTER;
}

/* The first select; one that is empty or not there means all columns. */
static const char *select_text(const struct url_pair *pairs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(pairs[i].key, "select") == 0)
            return pairs[i].value[strspn(pairs[i].value, " \t")] ? pairs[i].value : "*";
    return "*";
}

/* The key of an order, a limit or an offset has a path only when it is meant for an embedded relation. */
static int refuse_path(struct parse *p, const char *key)
{
    const char *name;
    if (!strchr(key, '.'))
        return 0;
    parse_begin(p, "tree path", key);
    if (parse_name(p, &name) < 0)
        return -1;
    return parse_fail_not_embedded(p, name);
}

static int parse_condition(struct parse *p, const struct url_pair *pair, enum word word, struct ast_condition *c)
{
    if (word == WORD_LOGIC) {
        parse_begin(p, "logic path", pair->key);
        if (parse_logic_key(p, c) < 0)
            return -1;
        parse_begin(p, "logic tree", pair->value);
        return parse_logic_value(p, c);
    }
    parse_begin(p, "tree path", pair->key);
    if (parse_filter_key(p, &c->filter.field) < 0)
        return -1;
    parse_begin(p, "filter", pair->value);
    return parse_filter_value(p, c);
}

/* An order, a limit or an offset. */
static int parse_pair(struct ast *ast, struct parse *p, const struct url_pair *pair, enum word word)
{
    if (refuse_path(p, pair->key) < 0)
        return -1;
    if (word == WORD_LIMIT)
        ast->limit = pair->value;
    else if (word == WORD_OFFSET)
        ast->offset = pair->value;
    else if (!ast->order) {
        parse_begin(p, "order", pair->value);
        return parse_order(p, &ast->order);
    }
    return 0;
}

static int check_text(const struct parse *p, const struct url_pair *pairs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!pairs[i].key || !pairs[i].value)
            return plan_fail(
                p->error, "PGRST100",
                arena_printf(p->a, "failed to parse the query: parameter %zu is not UTF-8 without NUL", i + 1), NULL,
                NULL);
    return 0;
}

int query_parse(struct ast *ast, struct parse *p, const char *query)
{
    size_t n;
    const struct url_pair *pairs = url_query(p->a, query, &n);
    struct ast_condition **end = &ast->conditions;
    while (*end)
        end = &(*end)->next;
    if (check_text(p, pairs, n) < 0)
        return -1;
    parse_begin(p, "select parameter", select_text(pairs, n));
    if (parse_select(p, &ast->items) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        enum word word = word_of(pairs[i].key);
        if (word == WORD_FILTER || word == WORD_LOGIC) {
            *end = arena_alloc(p->a, sizeof **end);
            if (parse_condition(p, &pairs[i], word, *end) < 0)
                return -1;
            end = &(*end)->next;
        } else if (word == WORD_ORDER || word == WORD_LIMIT || word == WORD_OFFSET) {
            if (parse_pair(ast, p, &pairs[i], word) < 0)
                return -1;
        }
    }
    return 0;
}

struct resolver {
    const struct contract *contract;
    struct arena *a;
    struct api_error *error;
};

static int fail_column(const struct resolver *r, const char *name)
{
    const struct contract *c = r->contract;
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

static int resolve_field(const struct resolver *r, struct ast_field *f)
{
    f->column = contract_find_column(r->contract, f->name);
    return f->column ? 0 : fail_column(r, f->name);
}

/* Recursion is bounded by the depth of trees that the parser allows. */
static int resolve_conditions(const struct resolver *r, struct ast_condition *list)
{
    for (struct ast_condition *c = list; c; c = c->next)
        if ((c->kind == CONDITION_FILTER ? resolve_field(r, &c->filter.field) : resolve_conditions(r, c->first)) < 0)
            return -1;
    return 0;
}

int query_resolve(struct ast *ast, const struct contract *c, struct arena *a, struct api_error *error)
{
    struct resolver r = {.contract = c, .a = a, .error = error};
    for (struct ast_item *i = ast->items; i; i = i->next)
        if (!i->all && resolve_field(&r, &i->field) < 0)
            return -1;
    for (struct ast_order *o = ast->order; o; o = o->next)
        if (resolve_field(&r, &o->field) < 0)
            return -1;
    return resolve_conditions(&r, ast->conditions);
}
