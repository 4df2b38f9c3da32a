/*
 * A source at work, as its kind sees it: what is on its way, and for kinds with a position where the pull is.
 */
#ifndef ORIEL_PULL_H
#define ORIEL_PULL_H

#include "worker/delivery.h"
#include "worker/position.h"

struct pull {
    const struct source *source;
    void *state; /* the kind's */
    char message[1024];
    bool logged; /* the message has been, in more words */
    long long pause_ms;
    int fd; /* while busy; -1: none */
    short events;
    long long look_at_ms; /* monotonic */
    /* of kinds that are pulled */
    bool passing;             /* a pull was begun */
    struct position position; /* as committed; lives in the first of */
    struct arena arenas[2];   /* which change places when it moves */
};

/* message: a sentence; cut where it is too long. */
void pull_tell(struct pull *p, const char *format, ...) printf_like(2, 3);

/* Reads where the pull begins, and which delivery it belongs to when it was cut off. -1: s->failure says why. */
int pull_begin(struct pull *p, struct session *s, struct delivery *d) must_check;
/*
 * Makes what is in fd (which becomes the delivery's) the part in hand: read from where it was left when it is the same
 * as was half stored, else from its beginning. name: what it is a part of, for people. -1 after a message.
 */
int pull_take_part(struct pull *p, struct delivery *d, int fd, const char *name, const char *sha256) must_check;
struct intake;
/* The position to be stored with a batch of the part in hand. */
void pull_position(struct pull *p, const struct delivery *d, const struct intake *in, struct arena *a,
                   struct position *out);
/* Takes over the position that was committed. */
void pull_moved(struct pull *p, const struct position *position);

#endif
