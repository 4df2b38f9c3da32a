#include "fcgi-app/query.h"

#include <string.h>

#include "fcgi-app/plan_error.h"
#include "fcgi-app/url.h"

enum word { WORD_IGNORED, WORD_SELECT, WORD_ORDER, WORD_LIMIT, WORD_OFFSET, WORD_AFTER, WORD_LOGIC, WORD_FILTER };

/* Keys that are no column's. Those that may have a path before them end in ".word" as well. */
static const struct {
    const char *key;
    enum word word;
    bool takes_path;
} words[] = {
    {"after", WORD_AFTER, false}, {"and", WORD_LOGIC, true},     {"columns", WORD_IGNORED, false},
    {"limit", WORD_LIMIT, true},  {"offset", WORD_OFFSET, true}, {"on_conflict", WORD_IGNORED, false},
    {"or", WORD_LOGIC, true},     {"order", WORD_ORDER, true},   {"select", WORD_SELECT, false},
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

/* A filter or a tree, and the level that it is a condition of. */
static int parse_condition(struct parse *p, const struct url_pair *pair, enum word word, struct ast_condition *c,
                           struct ast **level)
{
    if (word == WORD_LOGIC) {
        parse_begin(p, "logic path", pair->key);
        if (parse_logic_key(p, c, level) < 0)
            return -1;
        parse_begin(p, "logic tree", pair->value);
        return parse_logic_value(p, c);
    }
    parse_begin(p, "tree path", pair->key);
    if (parse_filter_key(p, &c->filter.field, level) < 0)
        return -1;
    parse_begin(p, "filter", pair->value);
    return parse_filter_value(p, c);
}

static int add_condition(struct parse *p, const struct url_pair *pair, enum word word)
{
    struct ast_condition *c = arena_alloc(p->a, sizeof *c), **end;
    struct ast *level;
    if (parse_condition(p, pair, word, c, &level) < 0)
        return -1;
    for (end = &level->conditions; *end; end = &(*end)->next)
        continue;
    *end = c;
    return 0;
}

/* An order, a limit or an offset. */
static int parse_pair(struct parse *p, const struct url_pair *pair, enum word word)
{
    struct ast *level;
    parse_begin(p, "tree path", pair->key);
    if (parse_word_key(p, &level) < 0)
        return -1;
    if (word == WORD_LIMIT)
        level->limit = pair->value;
    else if (word == WORD_OFFSET)
        level->offset = pair->value;
    else if (!level->order) {
        parse_begin(p, "order", pair->value);
        return parse_order(p, &level->order);
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
    p->root = ast;
    if (check_text(p, pairs, n) < 0)
        return -1;
    parse_begin(p, "select parameter", select_text(pairs, n));
    if (parse_select(p, &ast->items) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        enum word word = word_of(pairs[i].key);
        if (word == WORD_FILTER || word == WORD_LOGIC) {
            if (add_condition(p, &pairs[i], word) < 0)
                return -1;
        } else if (word == WORD_AFTER) {
            ast->after = pairs[i].value;
        } else if (word == WORD_ORDER || word == WORD_LIMIT || word == WORD_OFFSET) {
            if (parse_pair(p, &pairs[i], word) < 0)
                return -1;
        }
    }
    return 0;
}
