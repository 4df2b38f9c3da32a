/*
 * The SQL of roles and bookkeeping, as part of the program: a program and the schema it expects cannot drift apart.
 */
#ifndef ORIEL_BOOKKEEPING_H
#define ORIEL_BOOKKEEPING_H

#include "lib/base.h"

extern const char bookkeeping_roles[]; /* sql/roles.sql; may be run any number of times */

struct bookkeeping_step {
    int version;
    const char *file; /* for messages */
    const char *sql;
};
extern const struct bookkeeping_step bookkeeping_steps[]; /* by version, from 1 on without a gap */
extern const int bookkeeping_version;                     /* the version that this program works with */

#endif
