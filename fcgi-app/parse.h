/*
 * Parsing one parameter of a query. The grammar is PostgREST's. Parsers return 0, or -1 with the error filled in, which
 * says where in the text it went wrong and what was expected there.
 */
#ifndef ORIEL_PARSE_H
#define ORIEL_PARSE_H

#include "fcgi-app/ast.h"
#include "fcgi-app/plan.h"

struct parse {
    struct arena *a;
    const struct api *api;           /* its limits */
    const struct contract *contract; /* whose rows are asked for */
    struct ast *root;                /* what is parsed already; paths lead into its embeds */
    int n_items, n_embeds;           /* of the select so far */
    const char *what;                /* being parsed, as messages call it: "filter" */
    const char *text;                /* the parameter, percent-decoded, UTF-8 without NUL */
    const char *at;                  /* the next byte of it */
    struct api_error *error;
};

/* Sets the cursor to the beginning of another text; arena, contract and error stay. */
void parse_begin(struct parse *p, const char *what, const char *text);
/* PGRST100 at the cursor: "unexpected … expecting EXPECTED". Always -1. */
int parse_fail(struct parse *p, const char *expected);
/* PGRST100 at the cursor with other words. Always -1. */
int parse_refuse(struct parse *p, const char *details, const char *hint);
/* Steps from a level to its embed of that name; -1 and PGRST108 when there is none. */
int parse_step_into(struct parse *p, const char *name, struct ast **level) must_check;

/* Goes on behind token if that is what comes next. */
bool parse_take(struct parse *p, const char *token);
void parse_blanks(struct parse *p);
/* Expects the text to end here; expected says what else could have come. */
int parse_end(struct parse *p, const char *expected) must_check;

/* name: a quoted one, or letters, digits, "_", "$" and blanks, with single dashes in between; blanks around it are not
 * part of it. */
int parse_name(struct parse *p, const char **name) must_check;
/* An identifier without quotes or dashes: a type, a text-search configuration. */
int parse_identifier(struct parse *p, const char **name) must_check;
/* The JSON path behind a name, if there is one. */
int parse_json_path(struct parse *p, struct ast_field *f) must_check;
/* The text between double quotes; in it a backslash stands before a character that is meant as it is. False, and the
 * cursor where it was, when there is none or its closing quote is missing. */
bool parse_quoted(struct parse *p, const char **text);
/* The same, but only where "," or ")" follows. */
bool parse_quoted_value(struct parse *p, const char **value);

/* The key in a path: one condition for each column of the contract's key. */
int parse_key(struct parse *p, struct ast_condition **conditions) must_check;
/* The parameters. Each takes the whole text at the cursor. */
int parse_select(struct parse *p, struct ast_item **items) must_check;
int parse_order(struct parse *p, struct ast_order **order) must_check;
/* Keys may have a path of embeds before them; level gets the one that it leads to. Of "batches.order" only the path
 * counts. */
int parse_word_key(struct parse *p, struct ast **level) must_check;
int parse_filter_key(struct parse *p, struct ast_field *f, struct ast **level) must_check;
int parse_filter_value(struct parse *p, struct ast_condition *c) must_check;
/* "or", "not.and": kind and negated of c. */
int parse_logic_key(struct parse *p, struct ast_condition *c, struct ast **level) must_check;
/* "(price.gt.5,or(…))": what is below c. */
int parse_logic_value(struct parse *p, struct ast_condition *c) must_check;
/* The operation of a filter: [not.]operator.value. In a tree a value ends before "," or ")". */
int parse_operation(struct parse *p, struct ast_condition *c, bool in_tree) must_check;

#endif
