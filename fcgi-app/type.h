/*
 * Column types, by the names that format_type() gives them.
 */
#ifndef ORIEL_TYPE_H
#define ORIEL_TYPE_H

#include "lib/mem.h"

/* A type that a request may cast to. Others are refused: a cast to regclass, say, would let a stranger ask whether a
 * table exists. */
struct type {
    const char *name; /* as requests write it, in lower case */
    const char *sql;  /* as SQL writes it and as format_type() gives it */
};

/* NULL when casting to it is not allowed. The case of letters does not matter. */
const struct type *type_find(const char *name);
/* The name nearest to name, or NULL. For "did you mean". */
const char *type_nearest(const char *name);

/* Is a value of this type written as JSON from its text form? Others (arrays, composites, enums, domains, types of
 * extensions, …) have to go through to_json. */
bool type_is_plain(const char *type);
bool type_is_json(const char *type); /* json or jsonb */
bool type_is_tsvector(const char *type);

#endif
