/*
 * The parts of the OpenAPI document that all contracts share. Pure.
 */
#ifndef ORIEL_OPENAPI_COMPONENT_H
#define ORIEL_OPENAPI_COMPONENT_H

#include "lib/json_write.h"
#include "lib/openapi.h"

/* Where something belongs; several may be joined by |. */
enum openapi_place {
    OPENAPI_LIST = 1, /* /v1/products */
    OPENAPI_ROW = 2,  /* /v1/products/{key} */
    OPENAPI_GET = 4,  /* GET of a list alone */
    OPENAPI_END = 8   /* answers of a contract whose end is announced */
};

/* Members of a "parameters" array: references to those of the place. */
void openapi_parameter_refs(struct json_writer *w, enum openapi_place place);
/* Members of a "responses" object: references to the errors of the place, and to the default. */
void openapi_error_refs(struct json_writer *w, enum openapi_place place);
/* The member "headers" of a response with rows: those of any of the places. */
void openapi_header_refs(struct json_writer *w, int places);

/* Members of the components' "schemas". */
void openapi_shared_schemas(struct json_writer *w);
/* The members "parameters", "headers" and "responses" of the components. */
void openapi_shared_components(struct json_writer *w);
/* The document's member "security" and that of the components, "securitySchemes"; nothing where the API is open. */
void openapi_security(struct json_writer *w, enum openapi_access access);
void openapi_security_schemes(struct json_writer *w, enum openapi_access access);

#endif
