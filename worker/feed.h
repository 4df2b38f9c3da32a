/*
 * A source at work: its drop folder, the delivery in hand, and what is told of it in oriel.source and in the log.
 */
#ifndef ORIEL_FEED_H
#define ORIEL_FEED_H

#include "worker/batch.h"

struct feed {
    const struct source *source;
    struct drop drop;
    struct delivery delivery;  /* in hand while delivery.reader is not NULL */
    struct intake *now, *next; /* its batches: the one to be stored, the one that is read ahead */
    struct intake intakes[2];
    bool stopped;           /* a person is needed; until the configuration is read again */
    bool waiting;           /* oriel.source says so */
    bool half_loaded_first; /* nothing was taken since the start: what was half loaded comes first */
    long long look_at_ms;   /* monotonic: when to look at the folder again */
    /* of the delivery in hand, since it was opened */
    long long opened_ms, told_ms, records;
};

enum feed_result {
    FEED_WORKED, /* a batch was stored; there may be more to do at once */
    FEED_IDLE,   /* nothing to do before look_at_ms; or stopped */
    FEED_RETRY   /* Postgres failed: make the connection anew; session.failure says why */
};

void feed_init(struct feed *f, const struct source *source, const struct entity_set *entities);
void feed_release(struct feed *f);
/* Puts the source into oriel.source, ready. -1: session.failure says why. */
int feed_register(struct feed *f, struct session *s) must_check;
/* Gives the delivery in hand back; it is opened anew where the stored position says. */
void feed_drop_delivery(struct feed *f);
/* Does one batch, or looks for a delivery. now_ms: monotonic. */
enum feed_result feed_step(struct feed *f, struct loader *l, long long now_ms) must_check;

#endif
