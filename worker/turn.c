#include "worker/turn.h"

#include <poll.h>

enum { TRIES = 40, PAUSE_MS = 25 };

static int try_once(PGconn *c, const char *doing, const char *key)
{
    char sql[160];
    snprintf(sql, sizeof sql, "SELECT pg_catalog.pg_try_advisory_lock(%s)", key);
    PGresult *r = pg_query(c, doing, sql, 0, NULL);
    int taken = r ? *PQgetvalue(r, 0, 0) == 't' : -1;
    PQclear(r);
    return taken;
}

/* A session ends a moment after its program, so whoever comes right behind another one, as in `oriel change expand &&
 * oriel change fill`, may find it there still. That is no other program at work. */
int turn_take(PGconn *c, const char *doing, const char *key)
{
    int taken = try_once(c, doing, key);
    for (int tries = 1; taken == 0 && tries < TRIES; tries++) {
        poll(NULL, 0, PAUSE_MS);
        taken = try_once(c, doing, key);
    }
    return taken;
}
