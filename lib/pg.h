/*
 * libpq with Oriel's manners: connections with a role and a name, failures told once and in a sentence.
 */
#ifndef ORIEL_PG_H
#define ORIEL_PG_H

#include <libpq-fe.h>

#include "lib/base.h"

/* What PQconnectdbParams and PQconnectStartParams take: the connection string, then what Oriel lays over it. */
struct pg_target {
    const char *keywords[8], *values[8];
};

/* conninfo as in settings; role NULL means whatever libpq finds (PGUSER, the system's user). Strings must stay. */
void pg_target_init(struct pg_target *t, const char *conninfo, const char *role, const char *application_name);

/* Connects and waits. NULL after a message that names host, database, role and what to do. Free with PQfinish. */
PGconn *pg_connect(const struct pg_target *t) must_check;
/* Tells why c (which may be half open) did not connect: one sentence, and what to do about it. */
void pg_tell_connect_failure(PGconn *c, const struct pg_target *t);

/*
 * Runs one statement with n text parameters (NULL for null) and waits. Returns the result, or NULL after a message that
 * says what was being done ("reading the catalog"), with SQLSTATE and Postgres' words. Clear with PQclear.
 */
PGresult *pg_query(PGconn *c, const char *doing, const char *sql, int n, const char *const *params) must_check;
/* The same for statements whose result nobody needs, several separated by ";" included when n is 0. 0 or -1. */
int pg_run(PGconn *c, const char *doing, const char *sql, int n, const char *const *params) must_check;
/* Says what a failed result (or, with r NULL, the connection) complains of. */
void pg_tell_failure(PGconn *c, const PGresult *r, const char *doing);
/* The SQLSTATE of a failed result: five characters; "08006" when there is none because the connection is gone. */
const char *pg_sqlstate(const PGresult *r);
/* A notice receiver that passes warnings on to the log and drops the rest. Set by pg_connect; for async connections
 * too. */
void pg_log_notice(void *unused, const PGresult *r);

#endif
