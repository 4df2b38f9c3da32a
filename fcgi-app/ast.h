/*
 * What a request says, once its query is parsed: the items to write, the conditions, the order; and the same again for
 * each embed, so that it is a tree. Parsing (parse_*.c) fills in names, resolve.c finds their columns and relations in
 * the contracts, sql*.c write the statement. Everything lives in the arena of the request.
 */
#ifndef ORIEL_AST_H
#define ORIEL_AST_H

#include "fcgi-app/operator.h"
#include "fcgi-app/range.h"
#include "fcgi-app/relation.h"
#include "fcgi-app/type.h"
#include "lib/contract.h"

/* One step of a JSON path: -> or ->>, then a key or an index. */
struct ast_step {
    bool as_text;        /* ->> */
    bool is_index;       /* operand is an integer's digits, perhaps with "-" before them */
    const char *operand; /* bound as a value, never part of the SQL text */
};

struct ast_field {
    const char *name;
    const char *row;                      /* what the statement calls the row it is of; NULL until resolved */
    const struct contract_column *column; /* NULL until resolved */
    const struct ast_step *steps;
    size_t n_steps;
};

struct aggregate {
    const char *name; /* of the function, as requests write it; pg_catalog has one of the same name */
    bool keeps_type;  /* the result is of the type of what goes in; of others it is a number, or as plain */
};

enum ast_item_kind { ITEM_FIELD, ITEM_ALL, ITEM_EMBED };

struct ast_item {
    struct ast_item *next;
    enum ast_item_kind kind;           /* ITEM_ALL: "*", the contract's columns; nothing below counts */
    const char *alias;                 /* NULL when none was given */
    struct ast_field field;            /* ITEM_FIELD; without a name for count(), which counts rows */
    const struct type *cast;           /* of the field; NULL when none was given */
    const struct aggregate *aggregate; /* of the field; NULL for none */
    const struct type *result_cast;    /* of the aggregate; NULL when none was given */
    struct ast_embed *embed;           /* ITEM_EMBED */
};

enum ast_condition_kind { CONDITION_FILTER, CONDITION_AND, CONDITION_OR, CONDITION_EMBED };

struct ast_filter {
    struct ast_field field;
    const struct operator* operator;
    enum quantifier quantifier;
    const char *config; /* of a text search; NULL for the database's default */
    const char *value;  /* bound; an array literal for OPERATOR_IN; for OPERATOR_IS the keyword, from a static table */
};

struct ast_condition {
    struct ast_condition *next; /* its sibling */
    enum ast_condition_kind kind;
    bool negated;
    struct ast_condition *first; /* AND, OR: never empty */
    struct ast_filter filter;    /* FILTER */
    struct ast_embed *embed;     /* EMBED: it holds a row */
};

enum ast_nulls { NULLS_DEFAULT, NULLS_FIRST, NULLS_LAST };

struct ast_order {
    struct ast_order *next;
    const char *relation;    /* the embed whose field it is; NULL for a field of the level's own */
    struct ast_embed *embed; /* the same, resolved */
    struct ast_field field;
    bool descending;
    enum ast_nulls nulls;
};

/* One level: the rows that are asked for, or those of an embed. */
struct ast {
    struct ast_item *items;           /* NULL only for an embed that prints nothing */
    struct ast_condition *conditions; /* all must hold; NULL for none */
    struct ast_order *order;          /* NULL for none */
    const char *limit, *offset;       /* as they came; NULL when absent */
    const char *after;                /* the same, of the rows that are asked for (keyset.h) */
    /* resolved */
    const struct contract *contract;
    const char *row;    /* what the statement calls a row of this level */
    bool aggregated;    /* an item is an aggregate, so the others are what rows are grouped by */
    struct range range; /* which rows; of embeds */
    const char *source; /* of embeds, once it was written: " FROM … WHERE …", with its parameters' numbers */
};

struct ast_embed {
    const char *name, *alias; /* as the request writes them; alias NULL when none was given */
    const char *hint;         /* behind "!"; NULL for none */
    bool inner;               /* rows without it are left out */
    bool spread;              /* its items are items of the level above */
    struct ast level;
    /* resolved */
    struct relation relation;
    const struct ast *above; /* the level that it is an item of */
};

/* What an embed is called: its alias or, where it has none, its name. */
const char *ast_embed_key(const struct ast_embed *e);
/* The embed that is called so or, where none is, the first of that name; NULL when there is none. */
struct ast_embed *ast_find_embed(const struct ast *level, const char *name);

#endif
