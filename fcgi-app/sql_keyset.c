/* Pages by the order's own columns: rows behind the last one of a page, so that an index of that order leads to them,
 * and the columns that say where a page ends. */
#include "fcgi-app/sql.h"

static void put_column(struct sql *s, const struct ast *level, const struct keyset_term *t)
{
    buf_printf(&s->text, "%s.", level->row);
    sql_name(s, t->column->name);
}

static const char *operator_of(const struct keyset_term *t)
{
    return t->descending ? " < " : " > ";
}

/* One direction and no nulls: what a comparison of rows, which one index serves, can say. */
static bool is_plain(const struct keyset *k)
{
    for (size_t i = 0; i < k->n; i++)
        if (k->terms[i].descending != k->terms[0].descending || k->terms[i].nullable || !k->after[i])
            return false;
    return true;
}

static void put_row_comparison(struct sql *s, const struct ast *level, const struct keyset *k)
{
    buf_puts(&s->text, k->n > 1 ? "(" : "");
    for (size_t i = 0; i < k->n; i++) {
        buf_puts(&s->text, i ? ", " : "");
        put_column(s, level, &k->terms[i]);
    }
    buf_printf(&s->text, "%s%s%s", k->n > 1 ? ")" : "", operator_of(&k->terms[0]), k->n > 1 ? "(" : "");
    for (size_t i = 0; i < k->n; i++) {
        buf_puts(&s->text, i ? ", " : "");
        sql_param(s, k->after[i], NULL);
    }
    buf_puts(&s->text, k->n > 1 ? ")" : "");
}

/* Nulls that come behind all values. */
static void put_or_null(struct sql *s, const struct ast *level, const struct keyset_term *t)
{
    if (!t->nullable || t->nulls_first)
        return;
    buf_puts(&s->text, " OR ");
    put_column(s, level, t);
    buf_puts(&s->text, " IS NULL");
}

/* The term's column is not before its value: of itself true of all rows meant, and a range of an index. */
static int put_range(struct sql *s, const struct ast *level, const struct keyset_term *t, const char *value)
{
    int param = 0;
    if (!value && t->nulls_first)
        return 0;
    buf_putc(&s->text, '(');
    put_column(s, level, t);
    if (value) {
        buf_puts(&s->text, t->descending ? " <= " : " >= ");
        param = sql_param(s, value, NULL);
        put_or_null(s, level, t);
    } else {
        buf_puts(&s->text, " IS NULL");
    }
    buf_puts(&s->text, ") AND ");
    return param;
}

/* The term's column is behind its value, whose parameter has this number. */
static void put_behind(struct sql *s, const struct ast *level, const struct keyset_term *t, int param)
{
    if (!param && !t->nulls_first) {
        buf_puts(&s->text, "false");
        return;
    }
    put_column(s, level, t);
    if (param)
        buf_printf(&s->text, "%s$%d", operator_of(t), param);
    else
        buf_puts(&s->text, " IS NOT NULL");
    if (param)
        put_or_null(s, level, t);
}

static void put_equal(struct sql *s, const struct ast *level, const struct keyset_term *t, int param)
{
    put_column(s, level, t);
    if (param)
        buf_printf(&s->text, " = $%d", param);
    else
        buf_puts(&s->text, " IS NULL");
}

/* a > $1 OR (a = $1 AND (b > $2 OR (b = $2 AND …))), with each term's direction and place of nulls. */
static void put_expanded(struct sql *s, const struct ast *level, const struct keyset *k)
{
    int param = put_range(s, level, &k->terms[0], k->after[0]);
    for (size_t i = 0; i < k->n; i++) {
        const struct keyset_term *t = &k->terms[i];
        if (i)
            param = k->after[i] ? sql_bind(s, k->after[i]) : 0;
        buf_putc(&s->text, '(');
        put_behind(s, level, t, param);
        if (i + 1 == k->n)
            break;
        buf_puts(&s->text, " OR (");
        put_equal(s, level, t, param);
        buf_puts(&s->text, " AND ");
    }
    buf_putc(&s->text, ')');
    for (size_t i = 1; i < k->n; i++)
        buf_puts(&s->text, "))");
}

void sql_after(struct sql *s, const struct ast *level, const struct keyset *k)
{
    if (!k->after)
        return;
    buf_puts(&s->text, sql_has_conditions(level) ? " AND " : " WHERE ");
    if (is_plain(k))
        put_row_comparison(s, level, k);
    else
        put_expanded(s, level, k);
}

/* The place of the term's column among those that are written, where it is written as it is; n where it is not. */
static size_t find_output(struct sql *s, const struct outputs *outputs, const struct keyset_term *t)
{
    size_t i = 0;
    while (i < outputs->n && !sql_output_is_column(s, &outputs->list[i], t->column))
        i++;
    return i;
}

void sql_keyset_plan(struct sql *s, struct plan *p, const struct keyset *k, const struct outputs *outputs)
{
    if (!p->pages)
        return;
    int *columns = arena_array(s->a, k->n, sizeof *columns);
    p->pages->columns = columns;
    p->pages->n = k->n;
    for (size_t i = 0; i < k->n; i++) {
        size_t at = find_output(s, outputs, &k->terms[i]);
        columns[i] = (int)(at < outputs->n ? at : outputs->n + p->n_hidden++);
    }
}

void sql_keyset_columns(struct sql *s, const struct plan *p, const struct ast *level, const struct keyset *k,
                        const struct outputs *outputs)
{
    size_t n = outputs->n;
    for (size_t i = 0; p->pages && i < k->n; i++) {
        if ((size_t)p->pages->columns[i] < outputs->n)
            continue;
        buf_puts(&s->text, n || p->counted ? ", " : "");
        put_column(s, level, &k->terms[i]);
        n++;
        if (p->counted)
            buf_printf(&s->text, " AS c%zu", n);
    }
}
