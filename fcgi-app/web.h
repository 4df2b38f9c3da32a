/*
 * A connection from the web server, one FastCGI request after the other. It is read by libfcgi, and written without it
 * (outlet.h), since libfcgi waits for the other side to take an answer.
 */
#ifndef ORIEL_WEB_H
#define ORIEL_WEB_H

#include "lib/buf.h"

struct web;

/* Once per process, before anything else here. -1 after a message. */
int web_init(void) must_check;

struct web *web_new(void); /* closed */
void web_free(struct web *w);

/* Takes a descriptor over: a connected socket that blocks. */
void web_open(struct web *w, int fd);
/* At once, whatever is under way; the other side sees an answer that has begun break off. Parameters stay readable. */
void web_close(struct web *w);
int web_descriptor(const struct web *w); /* -1 when it is closed */

/* There is something to read: reads a request. -1: there is none, and the connection is closed. */
int web_read(struct web *w) must_check;
/* Of the request: "NAME=value" each, NULL at the end; until web_end(), web_open() or web_free(). */
char *const *web_parameters(const struct web *w);
/* Reads the end of the request's input, so that the next request begins where libfcgi looks for it; true when there is
 * a body instead, announced or not. Then the connection must not be used for another request. */
bool web_has_body(struct web *w);
/* Something has come that was not read yet. */
bool web_has_input(const struct web *w);

/* A part of the answer; last: that was all. Never waits. */
void web_put(struct web *w, const struct buf *head, const struct buf *body, bool last);
/* There is room for more. */
void web_flush(struct web *w);
size_t web_pending(const struct web *w); /* bytes that the web server has not taken yet */
bool web_failed(const struct web *w);    /* it has gone away */

/* The answer has gone: forgets the request. False: the web server does not want the connection kept. */
bool web_end(struct web *w);
/* Closes after an answer to a request that was not read to its end: at once the answer might be taken back. Waits a
 * little for the other side. */
void web_close_gently(struct web *w);

#endif
