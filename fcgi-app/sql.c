#include "fcgi-app/sql.h"

#include <string.h>

#include "fcgi-app/plan_error.h"
#include "lib/settings.h"

enum {
    MAX_PARAMS = 65535, /* the protocol counts them in 16 bits */
    LONGEST_SQL = 4 << 20
};

/* One column of the result. */
struct output {
    const char *key;
    const struct ast_field *field;
    const struct type *cast; /* NULL for none */
};

void sql_name(struct sql *s, const char *name)
{
    buf_putc(&s->text, '"');
    for (; *name; name++) {
        if (*name == '"')
            buf_putc(&s->text, '"');
        buf_putc(&s->text, *name);
    }
    buf_putc(&s->text, '"');
}

int sql_param(struct sql *s, const char *value, const char *cast)
{
    if (s->n_params == MAX_PARAMS) {
        s->too_many = true;
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
    buf_printf(&s->text, cast ? "$%d::%s" : "$%d", s->n_params, cast);
    return s->n_params;
}

/* A path goes through jsonb where the column is neither json nor jsonb. Parentheses, because "->" binds as other
 * operators do. */
void sql_field(struct sql *s, const struct ast_field *f)
{
    bool convert = f->n_steps && !type_is_json(f->column->type);
    buf_puts(&s->text, f->n_steps ? "(" : "");
    buf_puts(&s->text, convert ? "pg_catalog.to_jsonb(t." : "t.");
    sql_name(s, f->column->name);
    buf_puts(&s->text, convert ? ")" : "");
    for (size_t i = 0; i < f->n_steps; i++) {
        buf_puts(&s->text, f->steps[i].as_text ? " ->> " : " -> ");
        sql_param(s, f->steps[i].operand, f->steps[i].is_index ? "integer" : "text");
    }
    buf_puts(&s->text, f->n_steps ? ")" : "");
}

/* The type of what an output gives, as format_type() would write it. */
static const char *output_type(const struct output *o)
{
    if (o->cast)
        return o->cast->sql;
    if (!o->field->n_steps)
        return o->field->column->type;
    return o->field->steps[o->field->n_steps - 1].as_text ? "text" : "jsonb";
}

/* For JSON, what cannot be written as it comes is asked for as JSON. A JSON null inside of JSON is taken for a null
 * like the others when nulls are stripped. */
static void put_output(struct sql *s, const struct output *o, const struct plan *p)
{
    const char *type = output_type(o), *before = "", *after = "";
    bool plain = p->media == MEDIA_CSV || type_is_plain(s->a, type);
    if (p->strip_nulls && (!plain || type_is_json(type))) {
        before = "NULLIF(pg_catalog.json_strip_nulls(pg_catalog.to_json(";
        after = "))::text, 'null')::json";
    } else if (!plain) {
        before = "pg_catalog.to_json(";
        after = ")";
    }
    buf_puts(&s->text, before);
    sql_field(s, o->field);
    if (o->cast)
        buf_printf(&s->text, "::%s", o->cast->sql);
    buf_puts(&s->text, after);
}

/* What a path's value is called: its last key, or the column where it has only indexes. */
static const char *path_key(const struct ast_field *f)
{
    for (size_t i = f->n_steps; i > 0; i--)
        if (!f->steps[i - 1].is_index)
            return f->steps[i - 1].operand;
    return f->name;
}

/* A key that is selected twice is written once, in its first place and with its last value: what a reader of JSON makes
 * of PostgREST's answer, which holds both. */
static void add_output(struct output *outputs, size_t *n, struct output o)
{
    size_t i = 0;
    while (i < *n && strcmp(outputs[i].key, o.key) != 0)
        i++;
    outputs[i] = o;
    *n += i == *n;
}

static struct output *collect_outputs(struct sql *s, const struct contract *c, const struct ast_item *items, size_t *n)
{
    size_t room = c->n_columns;
    struct ast_field *whole = arena_array(s->a, c->n_columns, sizeof *whole);
    for (size_t i = 0; i < c->n_columns; i++)
        whole[i] = (struct ast_field){.name = c->columns[i].name, .column = &c->columns[i]};
    for (const struct ast_item *item = items; item; item = item->next)
        room++;
    struct output *outputs = arena_array(s->a, room, sizeof *outputs);
    *n = 0;
    for (const struct ast_item *item = items; item; item = item->next) {
        const char *key = item->alias ? item->alias : item->all ? NULL : path_key(&item->field);
        if (!item->all)
            add_output(outputs, n, (struct output){.key = key, .field = &item->field, .cast = item->cast});
        for (size_t i = 0; item->all && i < c->n_columns; i++)
            add_output(outputs, n, (struct output){.key = whole[i].name, .field = &whole[i]});
    }
    return outputs;
}

static void name_columns(struct plan *p, struct arena *a, const struct output *outputs, size_t n)
{
    p->columns = arena_array(a, n, sizeof *p->columns);
    p->n_columns = n;
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(outputs[i].key);
        struct buf key;
        buf_init(&key, 6 * len + 3); /* a control character takes six bytes */
        buf_json_string(&key, outputs[i].key, len);
        buf_putc(&key, ':');
        p->columns[i] =
            (struct plan_column){.key = arena_memdup(a, key.data, key.len), .key_len = key.len, .name = outputs[i].key};
        buf_release(&key);
    }
}

static void put_term(struct sql *s, const struct ast_order *o)
{
    static const char *const nulls[] = {
        [NULLS_DEFAULT] = "", [NULLS_FIRST] = " NULLS FIRST", [NULLS_LAST] = " NULLS LAST"};
    sql_field(s, &o->field);
    buf_puts(&s->text, o->descending ? " DESC" : "");
    buf_puts(&s->text, nulls[o->nulls]);
}

/* Without an order a result has none, as with PostgREST; but the pages of a result must fit together, so where the
 * request asks for a page the key orders it. */
static void put_order(struct sql *s, const struct contract *c, const struct ast_order *order, bool page)
{
    const char *separator = " ORDER BY ";
    for (const struct ast_order *o = order; o; o = o->next, separator = ", ") {
        buf_puts(&s->text, separator);
        put_term(s, o);
    }
    for (size_t i = 0; !order && page && c->key[i]; i++, separator = ", ") {
        buf_puts(&s->text, separator);
        buf_puts(&s->text, "t.");
        sql_name(s, c->key[i]);
    }
}

static void put_range(struct sql *s, const struct range *r)
{
    if (r->limit >= 0) {
        buf_puts(&s->text, " LIMIT ");
        sql_param(s, arena_printf(s->a, "%lld", r->limit), "bigint");
    }
    if (r->asked) {
        buf_puts(&s->text, " OFFSET ");
        sql_param(s, arena_printf(s->a, "%lld", r->offset), "bigint");
    }
}

/* "FROM … WHERE …". Made first and kept, since a counted statement has it twice, with the same parameters. */
static const char *make_source(struct sql *s, const struct contract *c, const struct ast *ast)
{
    buf_puts(&s->text, " FROM ");
    sql_name(s, SCHEMA_API);
    buf_putc(&s->text, '.');
    sql_name(s, c->view);
    buf_puts(&s->text, " AS t");
    sql_where(s, ast->conditions);
    const char *source = arena_strdup(s->a, buf_str(&s->text));
    buf_trim_end(&s->text, s->text.len);
    return source;
}

/* A count and a page of the same snapshot, in one statement. The join keeps the count where the page is empty, and the
 * page's order: a left join without a condition can only be a loop over its left side, which is one row. */
static void begin_counted(struct sql *s, const struct plan *p, const char *source, size_t n)
{
    buf_puts(&s->text, "SELECT n.total, p.here IS NOT NULL AS here");
    for (size_t i = 1; i <= n; i++)
        buf_printf(&s->text, ", p.c%zu", i);
    buf_puts(&s->text, " FROM (SELECT pg_catalog.count(*) AS total");
    buf_puts(&s->text, p->count == COUNT_ESTIMATED ? " FROM (SELECT 1" : "");
    buf_puts(&s->text, source);
    if (p->count == COUNT_ESTIMATED) { /* one more row than is counted tells that there are more */
        buf_puts(&s->text, " LIMIT ");
        sql_param(s, arena_printf(s->a, "%lld", p->exact_up_to + 1), "bigint");
        buf_puts(&s->text, ") AS m");
    }
    buf_puts(&s->text, ") AS n LEFT JOIN (SELECT true AS here");
}

/* The planner's number of rows. Called when only the source's parameters are bound. */
static void make_estimate(struct sql *s, struct plan *p, const char *source)
{
    if (p->count != COUNT_PLANNED && p->count != COUNT_ESTIMATED)
        return;
    p->estimate_sql = arena_printf(s->a, "EXPLAIN (FORMAT JSON) SELECT 1%s", source);
    p->n_estimate_params = s->n_params;
}

static void put_statement(struct sql *s, struct plan *p, const struct ast *ast, const struct range *range,
                          const struct output *outputs, size_t n)
{
    const char *source = make_source(s, p->contract, ast);
    make_estimate(s, p, source);
    if (p->counted)
        begin_counted(s, p, source, n);
    else
        buf_puts(&s->text, "SELECT ");
    for (size_t i = 0; i < n; i++) {
        buf_puts(&s->text, i || p->counted ? ", " : "");
        put_output(s, &outputs[i], p);
        if (p->counted)
            buf_printf(&s->text, " AS c%zu", i + 1);
    }
    buf_puts(&s->text, source);
    if (!p->key_path) {
        put_order(s, p->contract, ast->order, range->asked);
        put_range(s, range);
    }
    if (p->counted)
        buf_puts(&s->text, ") AS p ON true");
}

int sql_plan(struct plan *p, struct arena *a, const struct ast *ast, const struct range *range)
{
    struct sql s = {.a = a};
    size_t n;
    buf_init(&s.text, LONGEST_SQL);
    const struct output *outputs = collect_outputs(&s, p->contract, ast->items, &n);
    put_statement(&s, p, ast, range, outputs, n);
    bool failed = s.text.failed || s.too_many;
    p->sql = arena_strdup(a, buf_str(&s.text));
    p->params = s.params;
    p->n_params = s.n_params;
    buf_release(&s.text);
    name_columns(p, a, outputs, n);
    if (failed)
        return plan_fail(&p->error, "PGRST100", "The query asks for more than one statement can hold",
                         arena_printf(a, "A statement has at most %d values.", MAX_PARAMS), NULL);
    return 0;
}
