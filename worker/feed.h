/*
 * A source at work: the delivery in hand, its batches, when to look again, and what is told of it in oriel.source and
 * in the log. What the kinds of sources differ in is behind struct source_kind.
 */
#ifndef ORIEL_FEED_H
#define ORIEL_FEED_H

#include "worker/batch.h"
#include "worker/source_kind.h"

struct feed {
    const struct source *source;
    struct pull pull;
    struct delivery delivery;  /* in hand while delivery.reader is not NULL */
    struct intake *now, *next; /* its batches: the one to be stored, the one that is read ahead */
    struct intake intakes[2];
    bool stopped;         /* a person is needed; until the configuration is read again */
    bool waiting;         /* oriel.source says so */
    int failures;         /* in a row */
    char told[1024];      /* the last of them, or what else is told of the source; "": nothing */
    long long look_at_ms; /* monotonic: when to look again */
    /* how often `oriel pull` asked for a pull, as far as is known; as of when the pull under way began; and answered */
    long long asked, asked_before, answered;
    /* of the delivery in hand, since it was opened */
    long long opened_ms, told_ms, records;
};

enum feed_result {
    FEED_WORKED, /* a batch was stored; there may be more to do at once */
    FEED_IDLE,   /* nothing to do before look_at_ms, or before pull.fd is ready; or stopped */
    FEED_RETRY   /* Postgres failed: make the connection anew; session.failure says why */
};

void feed_init(struct feed *f, const struct source *source, const struct entity_set *entities);
void feed_release(struct feed *f);
/* Puts the source into oriel.source, ready, and finds out when it is due. -1: session.failure says why. */
int feed_register(struct feed *f, struct session *s) must_check;
/* Somebody may have asked for a pull: finds out when it is due. -1: session.failure says why. */
int feed_listen(struct feed *f, struct session *s) must_check;
/* Gives back what is in hand or on its way; it is opened anew where the stored position says. */
void feed_drop_delivery(struct feed *f);
/* Does one batch, or looks for a delivery. now_ms: monotonic. */
enum feed_result feed_step(struct feed *f, struct loader *l, long long now_ms) must_check;

#endif
