/*
 * The SQL of roles and bookkeeping, as part of the program: a program and the schema it expects cannot drift apart.
 */
#ifndef ORIEL_BOOKKEEPING_H
#define ORIEL_BOOKKEEPING_H

#include "lib/pg.h"

extern const char bookkeeping_roles[]; /* sql/roles.sql; may be run any number of times */

struct bookkeeping_step {
    int version;
    const char *file; /* for messages */
    const char *sql;
};
extern const struct bookkeeping_step bookkeeping_steps[]; /* by version, from 1 on without a gap */
extern const int bookkeeping_version;                     /* the version that this program works with */

enum bookkeeping_state {
    BOOKKEEPING_FITS,
    BOOKKEEPING_OTHER,  /* told: there is none, or it is of another version than this program's */
    BOOKKEEPING_UNKNOWN /* told: Postgres could not be asked */
};

/* Whether the bookkeeping in the database is of bookkeeping_version. What is told names host, database and role, and
 * what to do. */
enum bookkeeping_state bookkeeping_check(PGconn *c) must_check;

#endif
