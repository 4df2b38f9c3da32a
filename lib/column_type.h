/*
 * What a column's type becomes in JSON: for descriptions of the API. Pure.
 */
#ifndef ORIEL_COLUMN_TYPE_H
#define ORIEL_COLUMN_TYPE_H

#include "lib/base.h"

enum column_form {
    FORM_ANY, /* json, jsonb, and types that the contract alone does not explain: enums, domains, composites, … */
    FORM_BOOLEAN,
    FORM_INTEGER,
    FORM_NUMBER,
    FORM_STRING,
    N_COLUMN_FORMS
};

struct column_type {
    enum column_form form;
    const char *format;   /* a name of OpenAPI's format registry, where values keep to it; NULL otherwise */
    bool array;           /* of such values, any of which may be null */
    long long max_length; /* characters; 0 for no maximum */
};

/* type: as format_type() writes it, "character varying(8)[]". */
struct column_type column_type_read(const char *type);

#endif
