/*
 * Turns: of what one program at a time may do in a database, an advisory lock tells who does it. It is held until the
 * session ends.
 */
#ifndef ORIEL_TURN_H
#define ORIEL_TURN_H

#include "lib/pg.h"

/* key: of the lock, as SQL. 1 when it is taken, 0 when somebody else is at work, -1 after a message. */
int turn_take(PGconn *c, const char *doing, const char *key) must_check;

#endif
