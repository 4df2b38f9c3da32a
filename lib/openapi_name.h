/*
 * Names of an OpenAPI document that are made of names of Postgres. Pure.
 */
#ifndef ORIEL_OPENAPI_NAME_H
#define ORIEL_OPENAPI_NAME_H

#include "lib/contract.h"

/* "products_v1": for components and operations, where only letters, digits, ".", "_" and "-" may stand. Another byte is
 * a dot and two hexadecimal digits, so that two contracts never share one. */
const char *openapi_component_name(struct arena *a, const struct contract *c);
/* "/v1/products", percent-encoded. */
const char *openapi_path(struct arena *a, const struct contract *c);
/* The query's key that filters by a column: its name, in quotes where the grammar wants them. */
const char *openapi_filter_key(struct arena *a, const char *column);

#endif
