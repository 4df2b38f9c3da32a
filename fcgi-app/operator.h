/*
 * The operators of a filter's value: "eq" in price=eq.5.
 */
#ifndef ORIEL_OPERATOR_H
#define ORIEL_OPERATOR_H

#include "lib/base.h"

enum operator_kind {
    OPERATOR_PLAIN,      /* one value */
    OPERATOR_QUANTIFIED, /* one value, or with (any) or (all) an array of them */
    OPERATOR_PATTERN,    /* the same, and "*" stands for "%" */
    OPERATOR_SEARCH,     /* full-text search, perhaps with a configuration */
    OPERATOR_IN,         /* a list in parentheses */
    OPERATOR_IS          /* a keyword */
};

enum quantifier { QUANTIFIER_NONE, QUANTIFIER_ANY, QUANTIFIER_ALL };

struct operator
{
    const char *name;
    const char *sql; /* OPERATOR_SEARCH: the function that makes the query */
    enum operator_kind kind;
};

/* NULL when there is none of that name (n bytes). */
const struct operator* operator_find(const char *name, size_t n);
/* The operator whose name is nearest to name, or NULL. For "did you mean". */
const char *operator_nearest(const char *name);

#endif
