/*
 * What a request says, once its query is parsed: the items to write, the conditions, the order. Parsing (parse_*.c)
 * fills in names, resolve.c finds their columns in the contract, sql*.c write the statement. Everything lives in the
 * arena of the request.
 */
#ifndef ORIEL_AST_H
#define ORIEL_AST_H

#include "fcgi-app/operator.h"
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
    const struct contract_column *column; /* NULL until resolved */
    const struct ast_step *steps;
    size_t n_steps;
};

struct ast_item {
    struct ast_item *next;
    bool all; /* "*": the contract's columns; nothing below counts */
    struct ast_field field;
    const char *alias;       /* NULL when none was given */
    const struct type *cast; /* NULL when none was given */
};

enum ast_condition_kind { CONDITION_FILTER, CONDITION_AND, CONDITION_OR };

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
};

enum ast_nulls { NULLS_DEFAULT, NULLS_FIRST, NULLS_LAST };

struct ast_order {
    struct ast_order *next;
    struct ast_field field;
    bool descending;
    enum ast_nulls nulls;
};

struct ast {
    struct ast_item *items;           /* at least one */
    struct ast_condition *conditions; /* all must hold; NULL for none */
    struct ast_order *order;          /* NULL for none */
    const char *limit, *offset;       /* as they came; NULL when absent */
};

#endif
