#include "fcgi-app/sql.h"

#include <string.h>

#include "fcgi-app/plan_error.h"

enum {
    MAX_PARAMS = 65535, /* the protocol counts them in 16 bits */
    MAX_COLUMNS = 1500, /* Postgres takes 1,664 in a result; total and here, and the order's terms, count too */
    LONGEST_SQL = 4 << 20
};

void sql_name(struct sql *s, const char *name)
{
    buf_putc(&s->text, '"');
    for (const char *quote; *name && *(quote = strchrnul(name, '"')); name = quote + 1) {
        buf_put(&s->text, name, (size_t)(quote - name));
        buf_puts(&s->text, "\"\"");
    }
    buf_puts(&s->text, name);
    buf_putc(&s->text, '"');
}

int sql_bind(struct sql *s, const char *value)
{
    if (s->n_params == MAX_PARAMS) {
        s->too_much = true;
        return MAX_PARAMS;
    }
    if (s->n_params == s->room) {
        s->room = s->room ? 2 * s->room : 16;
        const char **params = arena_array(s->a, (size_t)s->room, sizeof *params);
        if (s->n_params)
            memcpy(params, s->params, (size_t)s->n_params * sizeof *params);
        s->params = params;
    }
    s->params[s->n_params++] = value;
    return s->n_params;
}

int sql_param(struct sql *s, const char *value, const char *cast)
{
    int param = sql_bind(s, value);
    buf_putc(&s->text, '$');
    buf_put_integer(&s->text, param);
    buf_puts(&s->text, cast ? "::" : "");
    buf_puts(&s->text, cast ? cast : "");
    return param;
}

/* A path goes through jsonb where the column is neither json nor jsonb. Parentheses, because "->" binds as other
 * operators do. */
void sql_field(struct sql *s, const struct ast_field *f)
{
    bool convert = f->n_steps && !type_is_json(f->column->type);
    buf_puts(&s->text, f->n_steps ? "(" : "");
    buf_puts(&s->text, convert ? "pg_catalog.to_jsonb(" : "");
    buf_puts(&s->text, f->row);
    buf_putc(&s->text, '.');
    sql_name(s, f->column->name);
    buf_puts(&s->text, convert ? ")" : "");
    for (size_t i = 0; i < f->n_steps; i++) {
        buf_puts(&s->text, f->steps[i].as_text ? " ->> " : " -> ");
        sql_param(s, f->steps[i].operand, f->steps[i].is_index ? "integer" : "text");
    }
    buf_puts(&s->text, f->n_steps ? ")" : "");
}

const char *sql_cut(struct sql *s, size_t mark)
{
    if (s->text.failed)
        return "";
    const char *text = arena_strdup(s->a, buf_str(&s->text) + mark);
    buf_trim_end(&s->text, s->text.len - mark);
    return text;
}

static void name_columns(struct sql *s, struct plan *p, const struct outputs *outputs)
{
    p->columns = arena_array(s->a, outputs->n, sizeof *p->columns);
    p->n_columns = outputs->n;
    for (size_t i = 0; i < outputs->n; i++) {
        const char *key = sql_json_key(s, outputs->list[i].key);
        p->columns[i] = (struct plan_column){.key = key,
                                             .key_len = strlen(key),
                                             .name = outputs->list[i].key,
                                             .is_json_text = outputs->list[i].is_json_text};
    }
}

/* A count and a page of the same snapshot, in one statement. The join keeps the count where the page is empty, and the
 * page's order: a left join without a condition can only be a loop over its left side, which is one row. */
static void begin_counted(struct sql *s, const struct plan *p, const struct ast *ast, const char *source,
                          const struct outputs *outputs)
{
    bool estimated = p->count == COUNT_ESTIMATED, enclose = estimated || ast->aggregated;
    buf_puts(&s->text, "SELECT n.total, p.here IS NOT NULL AS here");
    for (size_t i = 1; i <= outputs->n + p->n_hidden; i++)
        buf_printf(&s->text, ", p.c%zu", i);
    buf_puts(&s->text, " FROM (SELECT pg_catalog.count(*) AS total");
    if (enclose)
        buf_puts(&s->text, ast->aggregated ? " FROM (SELECT pg_catalog.count(*)" : " FROM (SELECT 1");
    buf_puts(&s->text, source);
    sql_groups(s, ast, outputs);
    if (estimated) { /* one more row than is counted tells that there are more */
        buf_puts(&s->text, " LIMIT ");
        sql_param(s, arena_printf(s->a, "%lld", p->exact_up_to + 1), "bigint");
    }
    buf_puts(&s->text, enclose ? ") AS m" : "");
    buf_puts(&s->text, ") AS n LEFT JOIN (SELECT true AS here");
}

/* The planner's number of rows. Called when only the parameters of source and groups are bound. */
static void make_estimate(struct sql *s, struct plan *p, const struct ast *ast, const char *source,
                          const struct outputs *outputs)
{
    if (p->count != COUNT_PLANNED && p->count != COUNT_ESTIMATED)
        return;
    size_t mark = s->text.len;
    buf_puts(&s->text,
             ast->aggregated ? "EXPLAIN (FORMAT JSON) SELECT pg_catalog.count(*)" : "EXPLAIN (FORMAT JSON) SELECT 1");
    buf_puts(&s->text, source);
    sql_groups(s, ast, outputs);
    p->estimate_sql = sql_cut(s, mark);
    p->n_estimate_params = s->n_params;
}

static void put_statement(struct sql *s, struct plan *p, const struct ast *ast, const struct range *range,
                          const struct keyset *k, struct outputs *outputs)
{
    const char *source = sql_root_source(s, ast);
    sql_prepare_groups(s, ast, outputs);
    sql_keyset_plan(s, p, k, outputs);
    make_estimate(s, p, ast, source, outputs);
    if (p->counted)
        begin_counted(s, p, ast, source, outputs);
    else
        buf_puts(&s->text, "SELECT ");
    for (size_t i = 0; i < outputs->n; i++) {
        buf_puts(&s->text, i || p->counted ? ", " : "");
        outputs->list[i].is_json_text = sql_output(s, &outputs->list[i]);
        if (p->counted)
            buf_printf(&s->text, " AS c%zu", i + 1);
    }
    sql_keyset_columns(s, p, ast, k, outputs);
    buf_puts(&s->text, source);
    sql_after(s, ast, k);
    sql_groups(s, ast, outputs);
    if (!p->key_path) {
        sql_order(s, ast, outputs, range->asked ? ORDER_OF_PAGES : ORDER_AS_ASKED);
        sql_range(s, range);
    }
    if (p->counted)
        buf_puts(&s->text, ") AS p ON true");
}

static int fail_statement(struct sql *s, struct api_error *error)
{
    if (s->ungrouped)
        return plan_fail(error, "42803",
                         arena_printf(s->a, "column \"%s\" must be selected to order an aggregated result",
                                      plan_error_text(s->a, s->ungrouped, false)),
                         NULL, NULL);
    return plan_fail(error, "PGRST100", "The query asks for more than one statement can hold",
                     arena_printf(s->a, "A statement has at most %d values and %d columns.", MAX_PARAMS, MAX_COLUMNS),
                     NULL);
}

int sql_plan(struct plan *p, struct arena *a, const struct ast *ast, const struct range *range, const struct keyset *k)
{
    struct sql s = {
        .a = a, .strip_nulls = p->strip_nulls, .steady = sql_is_steady(p, ast), .as_text = p->media == MEDIA_CSV};
    buf_init(&s.text, LONGEST_SQL);
    struct outputs outputs = sql_outputs(&s, ast);
    put_statement(&s, p, ast, range, k, &outputs);
    const char *text = sql_cut(&s, 0);
    name_columns(&s, p, &outputs);
    bool failed = s.text.failed || s.too_much || s.ungrouped || outputs.n + p->n_hidden > MAX_COLUMNS;
    p->sql = failed ? NULL : text;
    p->params = s.params;
    p->n_params = s.n_params;
    buf_release(&s.text);
    return failed ? fail_statement(&s, &p->error) : 0;
}
