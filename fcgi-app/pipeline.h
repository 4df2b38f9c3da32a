/*
 * Many requests on one connection to Postgres: libpq's pipeline mode, with one sync for each request, so that answers
 * come in the order of the questions and an error stays with its own.
 *
 * A request may take more than its statement: settings that hold for it alone, and an EXPLAIN. All of it goes out at
 * once, and the server runs what stands between two syncs in one transaction of its own, so a setting that is local to
 * the transaction is gone with the sync, whatever happened before it.
 *
 * What is asked often is prepared by its text (statement.h). A prepared statement that the server does not know, or
 * that a change of its view has outlived, is prepared anew and the request run again, once.
 */
#ifndef ORIEL_PIPELINE_H
#define ORIEL_PIPELINE_H

#include <libpq-fe.h>

#include "fcgi-app/statement.h"

/* A configuration parameter of Postgres. */
struct task_setting {
    const char *name, *value;
};

/* One statement and who waits for it. Whoever sends it keeps it, and all that it points to, until done. */
struct task {
    const char *sql;
    int n_params;
    const char *const *params;
    bool keep_prepared;                  /* the text will come again */
    const struct task_setting *settings; /* for this task alone */
    size_t n_settings;
    const char *estimate_sql; /* an EXPLAIN, run before the statement; NULL for none */
    int n_estimate_params;    /* it has the first of the params */
    /* Called once. r: rows, success or error, cleared after the call; NULL: the connection was lost first. */
    void (*done)(struct task *t, const PGresult *r);
    void *owner;
    PGresult *estimate; /* what estimate_sql gave, for done(); NULL for none; cleared after the call */

    /* below: the pipeline's own */
    struct task *next;
    struct statement *statement; /* NULL: sent without */
    bool prepares;               /* PREPARE goes before it */
    bool again;                  /* it was run once already */
    bool abandoned;              /* nobody waits for it */
    size_t n_results;            /* commands that were answered */
    PGresult *result;
};

/* A zeroed one is ready for pipeline_start(). */
struct pipeline {
    PGconn *conn;
    struct task *head, *tail; /* the oldest first */
    size_t n;
    int64_t head_since; /* when the oldest came to be the oldest; clock_ms() */
    int64_t cancel_at;  /* when the server was last asked to cancel; 0: never */
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
/* Nobody waits for t, which is in the pipeline, any more. It is cancelled once the server runs it; done() is called all
 * the same. */
void pipeline_abandon(struct pipeline *p, struct task *t);
/* Cancels what should be cancelled now. Returns when it must be called again; INT64_MAX for not before something comes.
 */
int64_t pipeline_tend(struct pipeline *p, int64_t now);
/* Answers all that are left, and forgets the connection. */
void pipeline_end(struct pipeline *p);

#endif
