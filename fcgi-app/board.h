/*
 * What the responders of one master know of each other, and what they have counted: memory that all of them share. It
 * outlives a responder's death and a reload of the configuration; it ends with the master.
 */
#ifndef ORIEL_BOARD_H
#define ORIEL_BOARD_H

#include "lib/base.h"
#include "lib/buf.h"
#include "lib/contract.h"

struct board;

/* A responder's own place on it. */
struct board_seat;

/* Events that are counted. */
enum board_event {
    BOARD_REFUSED,    /* requests answered by 503 because too many were under way, or waited for too long */
    BOARD_HANDED,     /* requests given back to the web server, which asks another responder */
    BOARD_SHED,       /* times that a responder stopped taking requests for a while */
    BOARD_STREAMED,   /* answers sent row by row */
    BOARD_BROKEN_OFF, /* of these, without reaching their end */
    BOARD_RESTARTED,  /* responders that ended without being told to */
    BOARD_EVENTS
};

/* What a responder tells of itself. */
enum board_state {
    BOARD_OPEN,      /* 1: it takes requests, and its database is there */
    BOARD_CONNECTED, /* 1: its connection to Postgres is good */
    BOARD_IN_FLIGHT, /* requests at Postgres */
    BOARD_STREAMING, /* 1: the rows of an answer are on their way */
    BOARD_STATES
};

/* Before responders are started; NULL after a message. */
struct board *board_new(void) must_check;
void board_free(struct board *b);

/* Makes counters for contracts that have none yet. Only the master may. */
void board_add_contracts(struct board *b, const struct contract_set *contracts);

/* A seat for a responder to come, with all states 0; NULL when none is free. And when the responder is gone. Only the
 * master may. */
struct board_seat *board_take_seat(struct board *b);
void board_leave_seat(struct board_seat *seat);

void board_tell(struct board_seat *seat, enum board_state state, int value);
/* Seats other than mine that are open. */
int board_others_open(const struct board *b, const struct board_seat *mine);

void board_count(struct board *b, enum board_event event);
/* Counts an answer. contract: NULL where the request named none. */
void board_count_answer(struct board *b, const struct contract *contract, int status, int64_t us);

/* Everything, in Prometheus' text format, version 0.0.4. */
void board_print(const struct board *b, struct buf *out);

#endif
