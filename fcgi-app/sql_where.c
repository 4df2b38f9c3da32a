/* Conditions as SQL. */
#include "fcgi-app/sql.h"

#include <string.h>

/* column @@ to_tsquery(config, value); a column that is no tsvector is made one. */
static void put_search(struct sql *s, const struct ast_filter *f)
{
    bool is_vector = !f->field.n_steps && type_is_tsvector(f->field.column->type);
    int config = 0;
    if (!is_vector) {
        buf_puts(&s->text, "pg_catalog.to_tsvector(");
        if (f->config) {
            config = sql_param(s, f->config, "pg_catalog.regconfig");
            buf_puts(&s->text, ", ");
        }
    }
    sql_field(s, &f->field);
    buf_puts(&s->text, is_vector ? " @@ " : ") @@ ");
    buf_puts(&s->text, f->operator->sql);
    buf_putc(&s->text, '(');
    if (config)
        buf_printf(&s->text, "$%d::pg_catalog.regconfig, ", config);
    else if (f->config) {
        sql_param(s, f->config, "pg_catalog.regconfig");
        buf_puts(&s->text, ", ");
    }
    sql_param(s, f->value, NULL);
    buf_putc(&s->text, ')');
}

static void put_comparison(struct sql *s, const struct ast_filter *f)
{
    bool is_array = f->operator->kind == OPERATOR_IN || f->quantifier != QUANTIFIER_NONE;
    sql_field(s, &f->field);
    buf_putc(&s->text, ' ');
    buf_puts(&s->text, f->operator->sql);
    buf_putc(&s->text, ' ');
    if (is_array)
        buf_puts(&s->text, f->quantifier == QUANTIFIER_ALL ? "ALL (" : "ANY (");
    if (f->operator->kind == OPERATOR_IS)
        buf_puts(&s->text, f->value); /* a keyword of the parser's table */
    else
        sql_param(s, f->value, NULL);
    buf_puts(&s->text, is_array ? ")" : "");
}

/* An embed has a row, or has none. */
static void put_exists(struct sql *s, const struct ast_condition *c)
{
    buf_puts(&s->text, c->negated ? "NOT EXISTS (SELECT" : "EXISTS (SELECT");
    sql_embed_source(s, c->embed);
    buf_putc(&s->text, ')');
}

static void put_condition(struct sql *s, const struct ast_condition *c);

void sql_conditions(struct sql *s, const struct ast_condition *list, const char *separator)
{
    for (const struct ast_condition *c = list; c; c = c->next) {
        put_condition(s, c);
        buf_puts(&s->text, c->next ? separator : "");
    }
}

/* Recursion is bounded by the depth of trees that the parser allows. */
static void put_condition(struct sql *s, const struct ast_condition *c)
{
    bool enclose = c->negated || c->kind != CONDITION_FILTER;
    if (c->kind == CONDITION_EMBED) {
        put_exists(s, c);
        return;
    }
    buf_puts(&s->text, c->negated ? "NOT " : "");
    buf_puts(&s->text, enclose ? "(" : "");
    if (c->kind != CONDITION_FILTER)
        sql_conditions(s, c->first, c->kind == CONDITION_AND ? " AND " : " OR ");
    else if (c->filter.operator->kind == OPERATOR_SEARCH)
        put_search(s, &c->filter);
    else
        put_comparison(s, &c->filter);
    buf_puts(&s->text, enclose ? ")" : "");
}
