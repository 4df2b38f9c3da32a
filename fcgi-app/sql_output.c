/*
 * What is written of each row: fields, aggregates, and embeds.
 *
 * An embed is a query within the list of what is selected, not a join: so Postgres asks it for the rows of the page
 * alone, after sorting and cutting, by the index that the relation has, and no embed can double a row. Its objects are
 * put together as text, from values that to_json() writes and from keys that are parameters, since aliases are a
 * stranger's text. Other than json_build_object() that has no limit of columns, writes no blanks, and is a third
 * faster.
 */
#include <string.h>

#include "fcgi-app/sql.h"

/* Values in one call of concat_ws(): Postgres' functions have at most 100 arguments. */
enum { MOST_VALUES = 90 };

const char *sql_json_key(struct sql *s, const char *key)
{
    size_t mark = s->text.len;
    buf_putc(&s->text, ',');
    buf_json_string(&s->text, key, strlen(key));
    buf_putc(&s->text, ':');
    return sql_cut(s, mark);
}

/* What a path's value is called: its last key, or the column where it has only indexes. */
static const char *path_key(const struct ast_field *f)
{
    for (size_t i = f->n_steps; i > 0; i--)
        if (!f->steps[i - 1].is_index)
            return f->steps[i - 1].operand;
    return f->name;
}

/* Those of the first n that have the same key are replaced. */
static void put_output(struct sql *s, struct outputs *outputs, struct output o, size_t n)
{
    size_t i = 0;
    while (i < n && strcmp(outputs->list[i].key, o.key) != 0)
        i++;
    i = i < n ? i : outputs->n;
    if (i == outputs->room) {
        outputs->room = outputs->room ? 2 * outputs->room : 16;
        struct output *list = arena_array(s->a, outputs->room, sizeof *list);
        if (outputs->n)
            memcpy(list, outputs->list, outputs->n * sizeof *list);
        outputs->list = list;
    }
    outputs->list[i] = o;
    outputs->n += i == outputs->n;
}

/* A key that is selected twice is written once, in its first place and with its last value: what a reader of JSON makes
 * of PostgREST's answer, which holds both. */
static void add_output(struct sql *s, struct outputs *outputs, struct output o)
{
    put_output(s, outputs, o, outputs->n);
}

static void add_columns(struct sql *s, struct outputs *outputs, const struct ast *level)
{
    const struct contract *c = level->contract;
    size_t n = outputs->n; /* the contract's own keys are all different */
    struct ast_field *fields = arena_array(s->a, c->n_columns, sizeof *fields);
    for (size_t i = 0; i < c->n_columns; i++) {
        fields[i] = (struct ast_field){.name = c->columns[i].name, .row = level->row, .column = &c->columns[i]};
        put_output(s, outputs, (struct output){.key = fields[i].name, .field = &fields[i]}, n);
    }
}

static void add_field(struct sql *s, struct outputs *outputs, const struct ast_item *item)
{
    struct output o = {.key = item->alias,
                       .field = item->field.name ? &item->field : NULL,
                       .cast = item->cast,
                       .aggregate = item->aggregate,
                       .result_cast = item->result_cast};
    if (!o.key)
        o.key = item->aggregate ? item->aggregate->name : path_key(&item->field);
    add_output(s, outputs, o);
}

/* An embed that selects nothing prints nothing. */
static void add_embed(struct sql *s, struct outputs *outputs, struct ast_embed *e)
{
    if (!e->level.items)
        return;
    if (!e->spread) {
        add_output(s, outputs, (struct output){.key = ast_embed_key(e), .embed = e});
        return;
    }
    struct outputs inner = sql_outputs(s, &e->level);
    for (size_t i = 0; i < inner.n; i++)
        add_output(s, outputs, (struct output){.key = inner.list[i].key, .embed = e, .inner = &inner.list[i]});
}

/* Recursion is bounded by the depth of embeds that the parser allows. */
struct outputs sql_outputs(struct sql *s, const struct ast *level)
{
    struct outputs outputs = {0};
    for (const struct ast_item *i = level->items; i; i = i->next) {
        if (i->kind == ITEM_ALL)
            add_columns(s, &outputs, level);
        else if (i->kind == ITEM_EMBED)
            add_embed(s, &outputs, i->embed);
        else
            add_field(s, &outputs, i);
    }
    return outputs;
}

/* The field or the aggregate that an output is or, through what is spread, leads to; NULL where it is an embed. */
static const struct output *leaf_of(const struct output *o)
{
    while (o->inner)
        o = o->inner;
    return o->embed ? NULL : o;
}

static bool is_native(const struct output *o)
{
    for (const struct output *at = o; at->inner; at = at->inner)
        if (at->embed->relation.to_many)
            return false;
    return leaf_of(o) && !o->json;
}

/* The type of a native output, as format_type() would write it. */
static const char *native_type(const struct output *o)
{
    o = leaf_of(o);
    if (o->result_cast)
        return o->result_cast->sql;
    if (o->aggregate && !o->aggregate->keeps_type)
        return "numeric"; /* or another type that is as plain */
    if (o->cast)
        return o->cast->sql;
    if (!o->field->n_steps)
        return o->field->column->type;
    return o->field->steps[o->field->n_steps - 1].as_text ? "text" : "jsonb";
}

bool sql_output_is_comparable(const struct output *o)
{
    return is_native(o) && strcmp(native_type(o), "json") != 0 && strcmp(native_type(o), "xml") != 0;
}

bool sql_output_is_aggregate(const struct output *o)
{
    return leaf_of(o) && leaf_of(o)->aggregate;
}

/* The value that a row has, through what is spread; what count() counts is the row itself. */
static void put_value(struct sql *s, const struct output *o)
{
    if (o->inner) {
        buf_puts(&s->text, "(SELECT ");
        put_value(s, o->inner);
        sql_embed_source(s, o->embed);
        buf_puts(&s->text, " LIMIT 1)");
        return;
    }
    if (o->field)
        sql_field(s, o->field);
    else
        buf_putc(&s->text, '1');
    if (o->cast)
        buf_printf(&s->text, "::%s", o->cast->sql);
}

void sql_output_native(struct sql *s, const struct output *o)
{
    const struct output *leaf = leaf_of(o);
    if (o->native) {
        buf_puts(&s->text, o->native);
    } else if (!leaf->aggregate) {
        put_value(s, o);
    } else { /* an aggregate that is spread is one of the rows that it is spread into */
        buf_printf(&s->text, "pg_catalog.%s(", leaf->aggregate->name);
        if (o->field || o->inner)
            put_value(s, o);
        else
            buf_putc(&s->text, '*');
        buf_putc(&s->text, ')');
        if (leaf->result_cast)
            buf_printf(&s->text, "::%s", leaf->result_cast->sql);
    }
}

/* {"key":value,…} of the level's row. A value that is null is left out when nulls are stripped. */
static void put_object(struct sql *s, const struct outputs *outputs)
{
    size_t open = 0;
    if (!outputs->n) {
        buf_puts(&s->text, "'{}'::text");
        return;
    }
    buf_puts(&s->text, "'{' || pg_catalog.concat_ws(','");
    for (size_t i = 0; i < outputs->n; i++) {
        if (i && i % MOST_VALUES == 0) {
            buf_puts(&s->text, ", NULLIF(pg_catalog.concat_ws(','");
            open++;
        }
        buf_puts(&s->text, ", ");
        sql_param(s, sql_json_key(s, outputs->list[i].key) + 1, "text");
        buf_puts(&s->text, s->strip_nulls ? " || " : " || COALESCE(");
        sql_output_json(s, &outputs->list[i]);
        buf_puts(&s->text, s->strip_nulls ? "" : ", 'null')");
    }
    while (open--)
        buf_puts(&s->text, "), '')");
    buf_puts(&s->text, ") || '}'");
}

/* The JSON of an embed's rows: of each the object, or the inner output where it is spread. */
static void put_rows(struct sql *s, const struct output *o)
{
    struct ast *level = &o->embed->level;
    struct outputs outputs = {0};
    if (!o->inner) {
        outputs = sql_outputs(s, level);
        sql_prepare_groups(s, level, &outputs);
        put_object(s, &outputs);
    } else {
        sql_output_json(s, o->inner);
    }
    if (!o->embed->relation.to_many) {
        sql_embed_source(s, o->embed);
        sql_groups(s, level, &outputs);
        buf_puts(&s->text, " LIMIT 1");
        return;
    }
    buf_puts(&s->text, " AS o");
    sql_embed_source(s, o->embed);
    sql_groups(s, level, &outputs);
    /* the columns of a to-many that is spread are lists of their own, whose places must agree */
    sql_order(s, level, &outputs, o->inner ? ORDER_TOTAL : level->range.asked ? ORDER_OF_PAGES : ORDER_AS_ASKED);
    sql_range(s, &level->range);
}

static void put_embed(struct sql *s, const struct output *o)
{
    bool to_many = o->embed->relation.to_many;
    if (to_many)
        buf_printf(&s->text, "(SELECT '[' || COALESCE(pg_catalog.string_agg(%s, ','), '') || ']' FROM (SELECT ",
                   o->inner ? "COALESCE(r.o, 'null')" : "r.o");
    else
        buf_puts(&s->text, "(SELECT ");
    put_rows(s, o);
    buf_puts(&s->text, to_many ? ") AS r)" : ")");
}

void sql_output_json(struct sql *s, const struct output *o)
{
    if (o->json) {
        buf_puts(&s->text, o->json);
        return;
    }
    if (o->embed && !o->native && !sql_output_is_aggregate(o)) {
        put_embed(s, o);
        return;
    }
    const char *type = native_type(o);
    bool strip = s->strip_nulls && (type_is_json(type) || !type_is_plain(type));
    buf_puts(&s->text, strip ? "NULLIF(pg_catalog.json_strip_nulls(pg_catalog.to_json(" : "pg_catalog.to_json(");
    sql_output_native(s, o);
    buf_puts(&s->text, strip ? "))::text, 'null')" : ")::text");
}

/* Written as it comes from Postgres. */
static bool is_plain(const struct sql *s, const struct output *o)
{
    return is_native(o) && (s->as_text || type_is_plain(native_type(o))) &&
           !(s->strip_nulls && type_is_json(native_type(o)));
}

bool sql_output_is_column(const struct sql *s, const struct output *o, const struct contract_column *column)
{
    return o->field && o->field->column == column && !o->field->n_steps && !o->embed && !o->cast && !o->aggregate &&
           is_plain(s, o);
}

bool sql_output(struct sql *s, const struct output *o)
{
    bool plain = is_plain(s, o), as_json = is_native(o) && !s->strip_nulls;
    if (plain) {
        sql_output_native(s, o);
    } else if (as_json) {
        buf_puts(&s->text, "pg_catalog.to_json(");
        sql_output_native(s, o);
        buf_putc(&s->text, ')');
    } else {
        sql_output_json(s, o);
    }
    return !plain && !as_json;
}
