/*
 * Requests and what becomes of them at Postgres: one for each that was sent there, in the order in which they were.
 */
#ifndef ORIEL_EXCHANGE_H
#define ORIEL_EXCHANGE_H

#include "fcgi-app/connection.h"
#include "fcgi-app/data_version.h"
#include "fcgi-app/pipeline.h"

struct server;

/* A request that is at Postgres, and what becomes of it. */
struct exchange {
    struct server *server;
    struct connection *connection; /* that waits for it; NULL when none does any more */
    struct arena arena;
    struct plan plan;
    struct task task, version_task; /* the version goes first, so that it is never newer than the rows */
    struct data_version version;
    unsigned long heard;             /* database_heard() when the version was asked for */
    bool asks_version_only;          /* the task itself goes when it turns out to be needed */
    struct task_setting settings[2]; /* the task's, as many as it has */
    int64_t web_asked_at;            /* when the web server was asked; ms since 1970, 0: not known */
    int64_t begun_us;                /* when the request was read; clock_us() */
    int64_t asked_us;                /* when it went to Postgres */
    struct exchange *older, *newer;  /* by the time they were asked; older also in the list of the unused */
};

/* A zeroed one is empty. */
struct exchanges {
    struct exchange *oldest, *newest; /* of those that are queued */
    int n;
    struct exchange *unused;
};

/* For the request on c; in no queue. Its plan and tasks are as some request before left them, but that no rows flow. */
struct exchange *exchange_new(struct exchanges *all, struct server *s, struct connection *c);
/* e is in no queue any more; it may be used again. */
void exchange_recycle(struct exchanges *all, struct exchange *e);
void exchange_queue(struct exchanges *all, struct exchange *e);
void exchange_unqueue(struct exchanges *all, struct exchange *e);
/* Of all that are in no queue. */
void exchanges_release(struct exchanges *all);

#endif
