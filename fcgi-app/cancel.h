/*
 * Cancelling a query that nobody waits for any more.
 *
 * libpq's PQcancel() opens a connection of its own and waits for the server to close it. To a server on this machine
 * that takes a millisecond; to one behind a broken network it can take minutes, which the loop must not. So it runs in
 * a thread that touches nothing but its own copy of the address.
 */
#ifndef ORIEL_CANCEL_H
#define ORIEL_CANCEL_H

#include <libpq-fe.h>

#include "lib/base.h"

/* Asks the server to cancel what runs on c now, and returns at once. False when it could not be asked: too many of
 * these are under way already, or there is no thread to be had. Whether it came in time shows in the query's result. */
bool cancel_running(PGconn *c);

#endif
