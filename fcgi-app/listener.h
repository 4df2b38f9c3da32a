/*
 * The listening socket that all responders share: descriptor 0, as FastCGI hands it over, with O_NONBLOCK.
 */
#ifndef ORIEL_LISTENER_H
#define ORIEL_LISTENER_H

#include "lib/base.h"

struct listener {
    int epoll;
    void *tag;
    bool on;       /* watched */
    int64_t on_at; /* not to be watched before; clock_ms() */
};

/* It will be watched in the set `epoll` with data.ptr tag; the kernel wakes one responder for a connection, not all. */
void listener_init(struct listener *l, int epoll, void *tag);
/* Watches it, unless the system was short of descriptors a moment ago. Returns when to call again; INT64_MAX for never.
 */
int64_t listener_turn(struct listener *l);
void listener_off(struct listener *l);
/* Takes a connection, if there is one: a descriptor that blocks, but not for long. -1: none. */
int listener_accept(struct listener *l);

#endif
