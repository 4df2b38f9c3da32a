/*
 * Many requests on one connection to Postgres: libpq's pipeline mode, with one sync for each request, so that answers
 * come in the order of the questions and an error stays with its own.
 *
 * A request may take more than its statement: settings that hold for it alone, and an EXPLAIN. All of it goes out at
 * once, and the server runs what stands between two syncs in one transaction of its own, so a setting that is local to
 * the transaction is gone with the sync, whatever happened before it.
 *
 * A result is gathered by libpq, and given to the task whole; one that may be large comes row by row, since libpq
 * gathers without limit. Which of the two is decided by how large the rows of the statement were the last time. Rows
 * are only read as fast as somebody takes them: pipeline_pause().
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
    /* Rows as they come: not all is known of a result of several rows when the first is there. r: some of them, in
     * their order, cleared after the call; NULL: what came before is void, since the statement is run again. May be
     * NULL when the result is small. */
    void (*rows)(struct task *t, const PGresult *r);
    long long most_rows; /* that may come; below 0 for any number */
    /* Called once, at the end. r: the (remaining) rows, success or error, cleared after the call; NULL: the connection
     * was lost first. */
    void (*done)(struct task *t, const PGresult *r);
    void *owner;
    bool once;          /* it is not run again, whatever failed: it would come behind what was sent after it */
    bool flows;         /* the owner sets it when it has passed rows on: no time limit counts but the stream's, and it
                           cannot be run again */
    PGresult *estimate; /* what estimate_sql gave, for done(); NULL for none; cleared after the call */

    /* below: the pipeline's own */
    struct task *next;
    bool queued;                 /* it is in the pipeline */
    struct statement *statement; /* NULL: sent without */
    bool prepares;               /* PREPARE goes before it */
    bool by_row;                 /* its rows are asked for one by one */
    bool armed;                  /* and libpq knows it */
    bool overdue;                /* cancelled because its time is over */
    long long n_rows;            /* that came one by one, and … */
    size_t size;                 /* … their bytes */
    bool again;                  /* it was run once already */
    bool abandoned;              /* nobody waits for it */
    size_t n_results;            /* commands that were answered */
    PGresult *result;
};

enum { GATHERED_SIZE = 1 << 20 }; /* bytes of a result that may be gathered; more goes row by row */

struct pipeline_limits {
    int64_t statement_ms;  /* how long a statement may run before its rows flow; 0 for ever. What comes in one piece is
                              cancelled by the server itself, by the session's statement_timeout */
    const char *stream_ms; /* how long one may run whose rows may flow, as statement_timeout takes it */
};

/* A zeroed one is ready for pipeline_start(). */
struct pipeline {
    PGconn *conn;
    struct task *head, *tail; /* the oldest first */
    size_t n;
    int64_t head_since; /* when the oldest came to be the oldest; clock_ms() */
    int64_t heard_at;   /* when something last came from the server, or might have come again after a pause */
    bool paused;        /* nothing is read */
    bool unread;        /* something may have been read that was not looked at because of a pause */
    struct pipeline_limits limits;
    int64_t cancel_at; /* when the server was last asked to cancel; 0: never */
    struct statements statements;
    bool broken; /* the connection is of no use any more: call pipeline_end() */
    bool doubt;  /* an error said that a view or a right on it may have gone; the reader resets it */
};

/* conn: connected, not busy; it stays the caller's. The limits of p are set. -1, after a message, when it cannot be put
 * into pipeline mode. */
int pipeline_start(struct pipeline *p, PGconn *conn) must_check;
/* Queues t and sends it. A failure shows as `broken`; t is answered by pipeline_end() then. */
void pipeline_send(struct pipeline *p, struct task *t);
/* There is something to read: reads it and answers all tasks that it completes. */
void pipeline_receive(struct pipeline *p);
/* Whoever takes the rows has enough of them: the rest stays with the server. When it goes on and `unread` is set,
 * pipeline_receive() must be called, since some may have been read already. */
void pipeline_pause(struct pipeline *p, bool pause);
/* Nobody waits for t, which is in the pipeline, any more. It is cancelled once the server runs it; done() is called all
 * the same. */
void pipeline_abandon(struct pipeline *p, struct task *t);
/* Cancels what should be cancelled now. Returns when it must be called again; INT64_MAX for not before something comes.
 */
int64_t pipeline_tend(struct pipeline *p, int64_t now);
/* Before t is used anew, or its memory. Ends the process, with a message, when t is in the pipeline still: a list that
 * is cut so loses count, and gives each request the result of another one. */
void pipeline_expect_gone(const struct task *t);
/* Answers all that are left, and forgets the connection. */
void pipeline_end(struct pipeline *p);

#endif
