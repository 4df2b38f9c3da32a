/*
 * From a query ("select=name&price=gt.5&order=name") to what it says.
 */
#ifndef ORIEL_QUERY_H
#define ORIEL_QUERY_H

#include "fcgi-app/ast.h"
#include "fcgi-app/parse.h"

/* Parses the query into ast, whose conditions may already hold some; p has arena, contract, depth and error set. The
 * first select and the first order count, the last limit and offset; conditions add up. */
int query_parse(struct ast *ast, struct parse *p, const char *query) must_check;

/* Finds the column of every field. -1 and 42703 when the contract has none of a name. */
int query_resolve(struct ast *ast, const struct contract *c, struct arena *a, struct api_error *error) must_check;

#endif
