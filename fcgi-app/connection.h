/*
 * The connections that the web server keeps, in lists by what they do. Which events of them wake the loop follows from
 * it.
 */
#ifndef ORIEL_CONNECTION_H
#define ORIEL_CONNECTION_H

#include "fcgi-app/web.h"

enum connection_state {
    CONNECTION_UNUSED,  /* closed */
    CONNECTION_FRESH,   /* accepted; its first request has not come */
    CONNECTION_IDLE,    /* kept by the web server between requests */
    CONNECTION_BUSY,    /* its request is under way */
    CONNECTION_SENDING, /* all of its answer is there, but the web server has not taken it all */
    CONNECTION_STATES
};

struct exchange;

struct connection {
    struct web *web;
    enum connection_state state;
    bool last;                        /* close it after the answer */
    struct exchange *exchange;        /* of a BUSY one */
    int64_t moved_at;                 /* when the web server last took something; clock_ms() */
    uint32_t events;                  /* what it is watched for */
    struct connection *older, *newer; /* in the list of its state, by the time it came there */
};

struct connections {
    int epoll;
    struct connection *oldest[CONNECTION_STATES], *newest[CONNECTION_STATES];
    int n[CONNECTION_STATES];
};

void connections_init(struct connections *all, int epoll);
void connections_release(struct connections *all); /* closes all */

/* Takes a descriptor over, as a FRESH one whose events have it as data.ptr. NULL after a message. */
struct connection *connection_open(struct connections *all, int fd);
/* At once. It may be used again. */
void connection_close(struct connections *all, struct connection *c);
/* Moves it to the end of another list. */
void connection_become(struct connections *all, struct connection *c, enum connection_state state);
/* Watches it for events beside those of its end. */
void connection_watch(struct connections *all, struct connection *c, uint32_t events);

#endif
