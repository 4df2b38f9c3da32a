/* price=gte.5, id=in.(1,2,3), name=not.like.*a*: the key and the operation of a filter. */
#include <string.h>
#include <strings.h>

#include "fcgi-app/parse.h"

static const struct {
    const char *name, *sql;
} keywords[] = {
    {"null", "NULL"}, {"not_null", "NOT NULL"}, {"true", "TRUE"}, {"false", "FALSE"}, {"unknown", "UNKNOWN"},
};

int parse_word_key(struct parse *p, struct ast **level)
{
    const char *name;
    *level = p->root;
    for (;;) {
        if (parse_name(p, &name) < 0)
            return -1;
        if (!parse_take(p, "."))
            return parse_end(p, "delimiter (.) or end of input");
        if (parse_step_into(p, name, level) < 0)
            return -1;
    }
}

int parse_filter_key(struct parse *p, struct ast_field *f, struct ast **level)
{
    *level = p->root;
    if (parse_name(p, &f->name) < 0)
        return -1;
    while (parse_take(p, "."))
        if (parse_step_into(p, f->name, level) < 0 || parse_name(p, &f->name) < 0)
            return -1;
    if (parse_json_path(p, f) < 0)
        return -1;
    return parse_end(p, "\"->>\", \"->\", delimiter (.) or end of input");
}

/* One element of a list: quoted, or all there is before "," or ")". */
static void take_element(struct parse *p, const char **element, size_t *n)
{
    if (parse_quoted_value(p, element)) {
        *n = strlen(*element);
        return;
    }
    *element = p->at;
    *n = strcspn(p->at, ",)");
    p->at += *n;
}

/* Appends one element to an array literal, where nothing in it means anything but itself. At most 2n + 3 bytes. */
static size_t put_element(char *out, const char *element, size_t n, bool first)
{
    size_t len = 0;
    if (!first)
        out[len++] = ',';
    out[len++] = '"';
    for (size_t i = 0; i < n; i++) {
        if (element[i] == '"' || element[i] == '\\')
            out[len++] = '\\';
        out[len++] = element[i];
    }
    out[len++] = '"';
    return len;
}

/* Room that the list's elements take in an array literal; the cursor goes behind them. */
static size_t list_room(struct parse *p)
{
    size_t room = 3, n;
    const char *element;
    do {
        take_element(p, &element, &n);
        room += 2 * n + 3;
    } while (parse_take(p, ","));
    return room;
}

/* (1,2,"with, comma") becomes {"1","2","with, comma"}: one value, so that lists of any length share a statement. */
static int parse_list(struct parse *p, const char **value)
{
    parse_blanks(p);
    if (!parse_take(p, "("))
        return parse_fail(p, "\"(\"");
    const char *begin = p->at, *element;
    char *literal = arena_alloc(p->a, list_room(p));
    size_t len = 0, n;
    if (*p->at != ')')
        return parse_fail(p, "\",\" or \")\"");
    p->at = begin;
    literal[len++] = '{';
    if (*begin != ')')
        do {
            take_element(p, &element, &n);
            len += put_element(literal + len, element, n, len == 1);
        } while (parse_take(p, ","));
    literal[len++] = '}';
    *value = literal;
    p->at++;
    parse_blanks(p);
    return 0;
}

static int parse_keyword(struct parse *p, const char **sql)
{
    size_t n = strspn(p->at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_");
    for (size_t i = 0; i < ARRAY_SIZE(keywords); i++)
        if (strlen(keywords[i].name) == n && strncasecmp(keywords[i].name, p->at, n) == 0) {
            *sql = keywords[i].sql;
            p->at += n;
            return 0;
        }
    return parse_fail(p, "isVal: (null, not_null, true, false, unknown)");
}

/* The end of an array literal or JSON object at the cursor: braces nest and hold quoted text. NULL when it does not
 * close right before "," or ")". */
static const char *braces_end(const char *s)
{
    int depth = 0;
    bool quoted = false;
    for (; *s; s++) {
        if (*s == '\\' && s[1])
            s++;
        else if (*s == '"')
            quoted = !quoted;
        else if (!quoted && *s == '{')
            depth++;
        else if (!quoted && *s == '}' && --depth == 0)
            return s[1] == ',' || s[1] == ')' ? s + 1 : NULL;
    }
    return NULL;
}

/* A value is the rest of the parameter, verbatim; in a tree it ends before "," or ")". */
static void take_value(struct parse *p, bool in_tree, const char **value)
{
    if (in_tree && parse_quoted_value(p, value))
        return;
    const char *end = in_tree && *p->at == '{' ? braces_end(p->at) : NULL;
    if (!end)
        end = p->at + (in_tree ? strcspn(p->at, ",)") : strlen(p->at));
    *value = arena_memdup(p->a, p->at, (size_t)(end - p->at));
    p->at = end;
}

/* "*" is easier to write in a URL than "%". */
static void stars_to_percents(const char **pattern, struct arena *a)
{
    char *copy = arena_strdup(a, *pattern);
    for (char *s = copy; *s; s++)
        if (*s == '*')
            *s = '%';
    *pattern = copy;
}

static int parse_quantifier(struct parse *p, enum quantifier *q)
{
    if (parse_take(p, "any)"))
        *q = QUANTIFIER_ANY;
    else if (parse_take(p, "all)"))
        *q = QUANTIFIER_ALL;
    else
        return parse_fail(p, "\"any)\" or \"all)\"");
    return 0;
}

/* A number would be taken for an object identifier by Postgres, and looked for in vain inside of it: an internal error.
 */
static int parse_config(struct parse *p, const char **config)
{
    const char *begin = p->at;
    if (parse_identifier(p, config) < 0)
        return -1;
    if (strspn(*config, "0123456789") == strlen(*config)) {
        p->at = begin;
        return parse_fail(p, "the name of a text search configuration");
    }
    return parse_take(p, ")") ? 0 : parse_fail(p, "\")\"");
}

/* What may stand in parentheses between an operator and the dot behind it. */
static int parse_modifier(struct parse *p, struct ast_filter *f)
{
    enum operator_kind kind = f->operator->kind;
    if ((kind == OPERATOR_QUANTIFIED || kind == OPERATOR_PATTERN) && parse_take(p, "("))
        return parse_quantifier(p, &f->quantifier);
    if (kind == OPERATOR_SEARCH && parse_take(p, "("))
        return parse_config(p, &f->config);
    return 0;
}

static int parse_operator(struct parse *p, const struct operator** found)
{
    size_t n = strspn(p->at, "abcdefghijklmnopqrstuvwxyz");
    *found = operator_find(p->at, n);
    if (*found) {
        p->at += n;
        return 0;
    }
    const char *nearest = n ? operator_nearest(arena_memdup(p->a, p->at, n)) : NULL;
    (void)parse_fail(p, "\"not\" or operator (eq, gt, ...)");
    if (nearest)
        p->error->hint = arena_printf(p->a, "Perhaps you meant the operator '%s'.", nearest);
    return -1;
}

int parse_operation(struct parse *p, struct ast_condition *c, bool in_tree)
{
    struct ast_filter *f = &c->filter;
    c->kind = CONDITION_FILTER;
    c->negated = parse_take(p, "not.");
    if (parse_operator(p, &f->operator) < 0 || parse_modifier(p, f) < 0)
        return -1;
    if (!parse_take(p, "."))
        return parse_fail(p, "delimiter (.)");
    switch (f->operator->kind) {
    case OPERATOR_IN:
        return parse_list(p, &f->value);
    case OPERATOR_IS:
        return parse_keyword(p, &f->value);
    case OPERATOR_PATTERN:
        take_value(p, in_tree, &f->value);
        stars_to_percents(&f->value, p->a);
        return 0;
    case OPERATOR_PLAIN:
    case OPERATOR_QUANTIFIED:
    case OPERATOR_SEARCH:
        take_value(p, in_tree, &f->value);
        return 0;
    }
    return 0;
}

int parse_filter_value(struct parse *p, struct ast_condition *c)
{
    if (parse_operation(p, c, false) < 0)
        return -1;
    return parse_end(p, "end of input");
}
