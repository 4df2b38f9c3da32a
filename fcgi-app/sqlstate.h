/*
 * What an error of Postgres becomes for a client: a status, and words that name nothing private. Pure; one static
 * table.
 *
 * Postgres' own message is passed on only where it can speak of nothing but the request: of the value that was sent, or
 * of types, which the contract tells anyway. Everything else may name tables, columns, functions or roles behind the
 * contract, so the table has its own words. The server's words are in the log.
 */
#ifndef ORIEL_SQLSTATE_H
#define ORIEL_SQLSTATE_H

#include "lib/base.h"

struct sqlstate_rule {
    const char *prefix; /* of the SQLSTATE: a class, or all five characters; the longest that fits counts */
    int status;         /* of HTTP */
    bool pass;          /* Postgres' primary message is shown; message is the fallback where it has none */
    const char *message;
    const char *hint; /* NULL for none */
    const char *code; /* the error's code; NULL: the SQLSTATE itself */
};
extern const struct sqlstate_rule sqlstate_rules[]; /* sorted by prefix; the first has the empty prefix and fits all */
extern const size_t n_sqlstate_rules;

/* The rule for a SQLSTATE; never NULL. */
const struct sqlstate_rule *sqlstate_find(const char *code);

#endif
