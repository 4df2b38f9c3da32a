/*
 * Answers on their way to the web server. One is gathered and sent in one piece, with all that is known at its end:
 * range, length, tag. Where it becomes larger than GATHERED_SIZE, it begins with what is known by then, and its rows
 * follow as they come: in constant memory, since rows are only read from Postgres while the web server takes them. What
 * fails after that breaks the connection off, which nobody can take for the end of an answer.
 */
#ifndef ORIEL_FLOW_H
#define ORIEL_FLOW_H

#include "fcgi-app/serve.h"

/* Sends a whole answer on c, counts it, and lets the connection go on. p: of its request. database_us: how long the
 * database had that; -1 when it never had it. */
void flow_answer(struct server *s, struct connection *c, struct answer *a, const struct plan *p, int64_t begun_us,
                 int64_t database_us);
/* Of the task of an exchange: rows and done, as pipeline.h wants them. */
void flow_rows(struct task *t, const PGresult *r);
void flow_done(struct task *t, const PGresult *r);

/* Nobody waits for the answer of e any more. The connection is closed, or has got another one. */
void flow_abandon(struct server *s, struct exchange *e);
/* Closes c, and abandons what it waited for. */
void flow_lose(struct server *s, struct connection *c);
/* There is room for more of an answer on c. */
void flow_go_on(struct server *s, struct connection *c);
/* Gives up answers that the web server does not take. Returns when the next may be one; clock_ms(). */
int64_t flow_give_up(struct server *s, int64_t now);

#endif
