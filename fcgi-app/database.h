/*
 * A responder's one connection to Postgres: as ROLE_READER, read-only, never waited for. It comes back by itself when
 * it is lost, for ever; meanwhile requests are refused at once. It also keeps the catalog (catalog.h) true: it reads it
 * on connecting, when the worker notifies of a change, when an error hints at one, and every half minute.
 */
#ifndef ORIEL_DATABASE_H
#define ORIEL_DATABASE_H

#include "fcgi-app/catalog.h"
#include "fcgi-app/options.h"
#include "fcgi-app/pipeline.h"

struct database;

/* Its socket is watched in the set `epoll` with data.ptr tag. Connects by the first database_turn(). */
struct database *database_new(const struct service *service, struct catalog *catalog, int epoll, void *tag);
void database_free(struct database *d); /* answers what is left: connection lost */

/* Is it ready, or has it failed once? Until then a responder had better not take requests from others. */
bool database_tried(const struct database *d);
bool database_is_ready(const struct database *d);
/* Is t what the server is running now? */
bool database_runs(const struct database *d, const struct task *t);
/* Since when the server has been running what it runs now; clock_ms(), INT64_MAX when it runs nothing. */
int64_t database_runs_since(const struct database *d);
/* Counts up when the worker says that it has written, and whenever it may have been missed. */
unsigned long database_heard(const struct database *d);
/* Sends t, whose done() will be called later, never from here. -1: not connected now; done() will not be called. */
int database_send(struct database *d, struct task *t) must_check;
/* Nobody waits for t, which was sent, any more: it is cancelled; done() is called all the same. */
void database_abandon(struct database *d, struct task *t);
/* Whoever takes the rows of the oldest has enough of them, or wants more again. */
void database_pause(struct database *d, bool pause);
/* The socket is ready. Calls done() of what is answered. */
void database_event(struct database *d);
/* To be called before each wait: timers, connecting, flushing; calls done() of all when the connection is lost. Returns
 * when it must be called again at the latest; clock_ms(). */
int64_t database_turn(struct database *d);

#endif
