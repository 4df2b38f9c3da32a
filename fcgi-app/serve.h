/*
 * From a request on a connection to its answer on it: through the plan, the database, and back.
 *
 * An answer is gathered and sent in one piece, with all that is known at its end: range, length, tag. Where it becomes
 * larger than GATHERED_SIZE, it begins with what is known by then, and its rows follow as they come: in constant
 * memory, since rows are only read from Postgres while the web server takes them. What fails after that breaks the
 * connection off, which nobody can take for the end of an answer.
 */
#ifndef ORIEL_SERVE_H
#define ORIEL_SERVE_H

#include "fcgi-app/answer.h"
#include "fcgi-app/board.h"
#include "fcgi-app/catalog.h"
#include "fcgi-app/connection.h"
#include "fcgi-app/data_version.h"
#include "fcgi-app/database.h"
#include "fcgi-app/options.h"

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

struct server {
    const struct service *service;
    struct connections connections;
    struct catalog catalog;
    struct database *database;
    struct data_versions versions;
    struct board *board;
    struct board_seat *seat;
    bool closing; /* no connection is kept */

    struct answer answer; /* of what needs no rows */
    /* Of the oldest exchange, whose rows come */
    struct {
        const struct exchange *exchange; /* NULL while there are none yet */
        struct answer answer;
        struct rows rows;
    } result;
    struct exchange *oldest, *newest, *unused;
    int n_exchanges;
};

/* epoll: the set that the database's socket is watched in, too, with data.ptr tag. */
void server_init(struct server *s, const struct service *service, struct board *board, struct board_seat *seat,
                 int epoll, void *database_tag);
void server_release(struct server *s);

/* Something has happened on c. */
void server_event(struct server *s, struct connection *c, uint32_t events);
/* Gives the requests that wait behind the running one back to the web server, which asks another responder: so it does
 * when a connection fails that it had kept. Those on new connections stay. */
void server_hand_back(struct server *s);
/* To be called before each wait. Gives up what does not get on. Returns when it must be called again; clock_ms(). */
int64_t server_turn(struct server *s);

#endif
