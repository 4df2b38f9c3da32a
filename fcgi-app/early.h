/*
 * A connection to Postgres that the master begins before it reads the lock file: the server takes about as long to
 * start a session, on another core. The first responder inherits it by the fork and goes on with it. The master then
 * lets go of its copy of the socket, of which the server hears nothing, since no session is there yet to be ended.
 */
#ifndef ORIEL_EARLY_H
#define ORIEL_EARLY_H

#include <libpq-fe.h>

#include "lib/pg.h"
#include "lib/settings.h"

/* How a responder connects. */
void early_target(struct pg_target *t, const struct settings *s);
/* Begins, and waits for nothing but what a name's look-up may need. NULL when that fails: the responder, which tries
 * again, tells why. */
PGconn *early_connect(const struct settings *s);
/* Once another process has it. */
void early_let_go(PGconn **c);

#endif
