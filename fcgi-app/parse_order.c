/* order=price.desc.nullslast,data->>weight,vendor(name).asc */
#include "fcgi-app/parse.h"

enum { MAX_TERMS = 64 }; /* each is one more column that Postgres carries through the sort */

/* A field, or a field of an embed in parentheses. */
static int parse_field(struct parse *p, struct ast_order *o)
{
    if (parse_name(p, &o->field.name) < 0)
        return -1;
    if (!parse_take(p, "("))
        return parse_json_path(p, &o->field);
    o->relation = o->field.name;
    if (parse_name(p, &o->field.name) < 0 || parse_json_path(p, &o->field) < 0)
        return -1;
    return parse_take(p, ")") ? 0 : parse_fail(p, "\"->>\", \"->\" or \")\"");
}

static int parse_term(struct parse *p, struct ast_order *o)
{
    parse_blanks(p);
    if (parse_field(p, o) < 0)
        return -1;
    parse_blanks(p);
    const char *expected = "\"asc\", \"desc\", \"nullsfirst\" or \"nullslast\"";
    if (parse_take(p, ".desc"))
        o->descending = true;
    if (o->descending || parse_take(p, ".asc"))
        expected = "\"nullsfirst\" or \"nullslast\"";
    if (parse_take(p, ".nullsfirst"))
        o->nulls = NULLS_FIRST;
    else if (parse_take(p, ".nullslast"))
        o->nulls = NULLS_LAST;
    else if (parse_take(p, "."))
        return parse_fail(p, expected);
    return 0;
}

int parse_order(struct parse *p, struct ast_order **order)
{
    struct ast_order **end = order;
    int n = 0;
    *order = NULL;
    do {
        if (++n > MAX_TERMS)
            return parse_refuse(p, arena_printf(p->a, "An order has at most %d terms.", MAX_TERMS), NULL);
        *end = arena_alloc(p->a, sizeof **end);
        if (parse_term(p, *end) < 0)
            return -1;
        end = &(*end)->next;
        parse_blanks(p);
    } while (parse_take(p, ","));
    return parse_end(p, "\"->>\", \"->\", delimiter (.), \",\" or end of input");
}
