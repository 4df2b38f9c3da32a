/*
 * From a request on a connection to its answer on it: through the plan, the database, and back (flow.h).
 */
#ifndef ORIEL_SERVE_H
#define ORIEL_SERVE_H

#include "fcgi-app/answer.h"
#include "fcgi-app/board.h"
#include "fcgi-app/catalog.h"
#include "fcgi-app/database.h"
#include "fcgi-app/exchange.h"
#include "fcgi-app/options.h"

struct server {
    const struct service *service;
    struct connections connections;
    struct catalog catalog;
    struct documents documents; /* how the contracts are described */
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
    struct exchanges exchanges;
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
