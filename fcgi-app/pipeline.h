/*
 * Many requests on one connection to Postgres: libpq's pipeline mode, with one sync for each request, so that answers
 * come in the order of the questions and an error stays with its own.
 *
 * What is asked often is prepared by its text (statement.h). A prepared statement that the server does not know, or
 * that a change of its view has outlived, is prepared anew and the request run again, once.
 */
#ifndef ORIEL_PIPELINE_H
#define ORIEL_PIPELINE_H

#include <libpq-fe.h>

#include "fcgi-app/statement.h"

/* One statement and who waits for it. Whoever sends it keeps it, and all that it points to, until done. */
struct task {
    const char *sql;
    int n_params;
    const char *const *params;
    bool keep_prepared; /* the text will come again */
    /* Called once. r: rows, success or error, cleared after the call; NULL: the connection was lost first. */
    void (*done)(struct task *t, const PGresult *r);
    void *owner;

    /* below: the pipeline's own */
    struct task *next;
    struct statement *statement; /* NULL: sent without */
    bool prepares;               /* PREPARE goes before it */
    bool again;                  /* it was run once already */
    PGresult *result;
};

/* A zeroed one is ready for pipeline_start(). */
struct pipeline {
    PGconn *conn;
    struct task *head, *tail; /* the oldest first */
    size_t n;
    int64_t head_since; /* when the oldest came to be the oldest; clock_ms() */
    struct statements statements;
    bool broken; /* the connection is of no use any more: call pipeline_end() */
    bool doubt;  /* an error said that a view or a right on it may have gone; the reader resets it */
};

/* conn: connected, not busy; it stays the caller's. -1, after a message, when it cannot be put into pipeline mode. */
int pipeline_start(struct pipeline *p, PGconn *conn) must_check;
/* Queues t and sends it. A failure shows as `broken`; t is answered by pipeline_end() then. */
void pipeline_send(struct pipeline *p, struct task *t);
/* There is something to read: reads it and answers all tasks that it completes. */
void pipeline_receive(struct pipeline *p);
/* Answers all that are left, and forgets the connection. */
void pipeline_end(struct pipeline *p);

#endif
