/*
 * Answers on their way to the web server: FastCGI's records (its specification, sections 3.3 and 5.3) on a socket,
 * without ever waiting. What the socket has no room for is kept here until it has; whoever writes without end looks at
 * outlet_pending() and stops for a while.
 */
#ifndef ORIEL_OUTLET_H
#define ORIEL_OUTLET_H

#include "lib/buf.h"

struct outlet {
    struct buf rest; /* records that the socket had no room for, … */
    size_t sent;     /* … of which so many bytes have gone by now */
    bool failed;     /* the other side has gone, or took more than may be kept; nothing is written any more */
};

void outlet_init(struct outlet *o); /* allocates nothing; also forgets what a connection before left */
void outlet_release(struct outlet *o);

/* Writes head and body as what the request `id` is answered; end: that was all. Either may be empty. */
void outlet_put(struct outlet *o, int fd, int id, const struct buf *head, const struct buf *body, bool end);
/* The socket has room again. */
void outlet_flush(struct outlet *o, int fd);
/* Bytes that wait for the socket. */
size_t outlet_pending(const struct outlet *o);

#endif
