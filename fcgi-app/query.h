/*
 * From a query ("select=name&price=gt.5&order=name") to what it says.
 */
#ifndef ORIEL_QUERY_H
#define ORIEL_QUERY_H

#include "fcgi-app/ast.h"
#include "fcgi-app/parse.h"

/* Parses the query into ast, whose conditions may already hold some; p has arena, api, contract and error set. The
 * first select and the first order count, the last limit and offset, for each level; conditions add up. */
int query_parse(struct ast *ast, struct parse *p, const char *query) must_check;

/* Finds the relation of every embed, the column of every field and the rows that are asked of every embed, from the
 * contract of ast down (resolve.c). -1 and 42703 when a contract has no such column, or what relation_find() or
 * range_make() say, or PGRST118 and PGRST127 for what cannot be ordered or spread. */
int query_resolve(struct ast *ast, const struct api *api, struct arena *a, struct api_error *error) must_check;

#endif
