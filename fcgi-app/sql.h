/*
 * From what a request says to the statement that asks for it. Names in the text come from the contract, casts and
 * operators from static tables; every text of the request is a parameter. So the text depends on the shape of the
 * request alone (to which a short page's length belongs, sql_range.c), and requests of one shape share one prepared
 * statement.
 */
#ifndef ORIEL_SQL_H
#define ORIEL_SQL_H

#include "fcgi-app/ast.h"
#include "fcgi-app/keyset.h"
#include "fcgi-app/plan.h"
#include "fcgi-app/range.h"

/* A statement being written. */
struct sql {
    struct arena *a;
    struct buf text;
    const char **params;
    int n_params, room;
    bool too_much;         /* parameters, or text, for one statement */
    bool strip_nulls;      /* also inside of what is written as JSON */
    bool steady;           /* as sql_is_steady() said */
    bool as_text;          /* native columns are written as Postgres' text of them, not as JSON */
    const char *ungrouped; /* the column of an order that the groups do not have; NULL when all is well */
};

/* Writes p's sql, params and columns. p->contract, counted, strip_nulls, key_path and pages are set before; the ast is
 * resolved; k is of it. */
int sql_plan(struct plan *p, struct arena *a, const struct ast *ast, const struct range *range,
             const struct keyset *k) must_check;

/* The pieces, for the files that write the statement. */
void sql_name(struct sql *s, const char *name); /* an identifier, quoted */
/* Binds value and writes its number; cast (may be NULL) is a type's name. Returns the number. */
int sql_param(struct sql *s, const char *value, const char *cast);
/* Binds value without writing anything. */
int sql_bind(struct sql *s, const char *value);
void sql_field(struct sql *s, const struct ast_field *f);
/* Takes what was written since the text was mark bytes long out of it again. */
const char *sql_cut(struct sql *s, size_t mark);
/* One condition after the other, with separator between them. */
void sql_conditions(struct sql *s, const struct ast_condition *list, const char *separator);

/* sql_source.c: which rows of which contract. */
/* " FROM … WHERE …" of the rows that are asked for; its text, since a counted statement has it twice. */
const char *sql_root_source(struct sql *s, const struct ast *ast);
/* Does the source of that level end in conditions, so that others follow behind AND? */
bool sql_has_conditions(const struct ast *level);
/* Writes the same for the rows of e that belong to one row of the level above. */
void sql_embed_source(struct sql *s, struct ast_embed *e);

/* sql_range.c: how many of them. */
/* Can the values of the request, but for its ranges, make no other plan the best one? p->counted is set. */
bool sql_is_steady(const struct plan *p, const struct ast *ast);
/* " LIMIT … OFFSET …" */
void sql_range(struct sql *s, const struct range *r);

/*
 * sql_output.c: what is written of each row. An output is a value with a key. It is native, of a type of SQL, where it
 * is a field, an aggregate, or such a one of a to-one that is spread; it can always be had as the text of JSON.
 */
struct output {
    const char *key;
    const struct ast_field *field; /* NULL for count() and for embeds */
    const struct type *cast;       /* NULL for none, as in struct ast_item */
    const struct aggregate *aggregate;
    const struct type *result_cast;
    struct ast_embed *embed;    /* NULL, or: the value is this embed, … */
    const struct output *inner; /* … or, where it is spread, this output of it */
    const char *native, *json;  /* the text of either, where rows are grouped by it */
    bool is_json_text;          /* as sql_output() said */
};
struct outputs {
    struct output *list;
    size_t n, room;
};
struct outputs sql_outputs(struct sql *s, const struct ast *level);
/* The value, of its own type; only of a native output. */
void sql_output_native(struct sql *s, const struct output *o);
/* The text of its JSON; NULL where it is null. */
void sql_output_json(struct sql *s, const struct output *o);
/* It is an aggregate, perhaps one of a to-one that is spread: then it is one of the level that it is spread into. */
bool sql_output_is_aggregate(const struct output *o);
/* It is native, of a type that has an equality: json and xml have none. */
bool sql_output_is_comparable(const struct output *o);
/* A column of the result. What cannot be written as it comes is asked for as JSON; true: as the text of it, not as
 * json, since Postgres would read what it has just written once more. A JSON null inside of JSON is taken for a null
 * like the others when nulls are stripped. */
bool sql_output(struct sql *s, const struct output *o);
/* It is this column, and is written as it is: as Postgres' text of it. */
bool sql_output_is_column(const struct sql *s, const struct output *o, const struct contract_column *column);
/* ",\"name\":", escaped, with its colon and the comma before it. */
const char *sql_json_key(struct sql *s, const char *key);

/* sql_order.c: groups and orders. */
/* Makes the texts that the rows of an aggregated level are grouped by; without one nothing is done. */
void sql_prepare_groups(struct sql *s, const struct ast *level, struct outputs *outputs);
/* " GROUP BY …", or nothing. */
void sql_groups(struct sql *s, const struct ast *level, const struct outputs *outputs);
/* How much of an order is needed where the request gives none, or not enough. */
enum order_need {
    ORDER_AS_ASKED,
    ORDER_OF_PAGES, /* without an order the key, since the pages of a result must fit together */
    ORDER_TOTAL     /* any order, but the same each time */
};
/* " ORDER BY …", or nothing. */
void sql_order(struct sql *s, const struct ast *level, const struct outputs *outputs, enum order_need need);

/* sql_keyset.c: pages by the order's own columns; all do nothing where there are none. */
/* Finds where the result has the values that p->pages wants, and how many columns it needs behind the outputs. */
void sql_keyset_plan(struct sql *s, struct plan *p, const struct keyset *k, const struct outputs *outputs);
/* Writes those columns. */
void sql_keyset_columns(struct sql *s, const struct plan *p, const struct ast *level, const struct keyset *k,
                        const struct outputs *outputs);
/* Writes the condition that rows are behind k->after, to the level's source. */
void sql_after(struct sql *s, const struct ast *level, const struct keyset *k);

#endif
