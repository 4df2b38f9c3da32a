/*
 * From what a request says to the statement that asks for it. Names in the text come from the contract, casts and
 * operators from static tables; every text of the request is a parameter. So the text depends on the shape of the
 * request alone, and requests of one shape share one prepared statement.
 */
#ifndef ORIEL_SQL_H
#define ORIEL_SQL_H

#include "fcgi-app/ast.h"
#include "fcgi-app/plan.h"
#include "fcgi-app/range.h"

/* A statement being written. */
struct sql {
    struct arena *a;
    struct buf text;
    const char **params;
    int n_params, room;
    bool too_many; /* parameters, for one statement */
};

/* Writes p's sql, params and columns. p->contract, counted, strip_nulls and key_path are set before; the ast is
 * resolved. */
int sql_plan(struct plan *p, struct arena *a, const struct ast *ast, const struct range *range) must_check;

/* The pieces, for the files that write the statement. */
void sql_name(struct sql *s, const char *name); /* an identifier, quoted */
/* Binds value and writes its number; cast (may be NULL) is a type's name. Returns the number. */
int sql_param(struct sql *s, const char *value, const char *cast);
void sql_field(struct sql *s, const struct ast_field *f);
/* " WHERE …", or nothing. */
void sql_where(struct sql *s, const struct ast_condition *conditions);

#endif
