/*
 * What a session with Postgres needs before requests may use it, and what keeps the catalog (catalog.h) true while they
 * do: settings, LISTEN, a look at the contracts, leases on those that hold; then a look again whenever a change is told
 * of or an error hints at one, and every half minute.
 */
#ifndef ORIEL_LOOK_H
#define ORIEL_LOOK_H

#include "fcgi-app/catalog.h"
#include "fcgi-app/pipeline.h"

struct look {
    struct pipeline *pipeline;
    struct catalog *catalog;
    bool ready;          /* in this session: it is set up, contracts were compared and leases taken */
    unsigned long heard; /* counts up when the worker says that it has written, and whenever it may have been missed */

    /* below: its own */
    struct task session, listen, listen_data, promises, definitions, sources, lease;
    bool sources_failed;      /* which was told */
    int64_t details_at;       /* when definitions and sources are to be read; INT64_MAX: not now */
    struct arena lease_arena; /* parameters of the lease task under way */
    const char *lease_params[2];
    char timeout_text[24];
    const char *session_params[1];
    int64_t looked_at, look_at;
    bool promising, leasing; /* `promises`, `lease` are under way */
    int details;             /* of definitions and sources, how many are */
    bool again;              /* something changed after the last look was sent */
};

/* The others must outlive it. statement_timeout: for the session; ms, 0 for none. */
void look_init(struct look *l, struct pipeline *pipeline, struct catalog *catalog, int64_t statement_timeout);
void look_release(struct look *l);
/* The pipeline has begun with a new connection: sends what sets it up. Where that fails the pipeline is broken. */
void look_start(struct look *l);
/* The pipeline has ended, or never began. */
void look_stop(struct look *l);
/* Something was received: takes the notifications among it. */
void look_receive(struct look *l);
/* Looks again where that is due. Returns when it must be called again; clock_ms(). */
int64_t look_turn(struct look *l, int64_t now);

#endif
