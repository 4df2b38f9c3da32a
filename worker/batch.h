/*
 * One batch: records are read, kept as they came, cleaned for each entity file of the source and merged, and the
 * source's position moves, all in one transaction. A crash at any point loses nothing and repeats nothing.
 */
#ifndef ORIEL_BATCH_H
#define ORIEL_BATCH_H

#include "worker/intake.h"

/* The advisory locks of Oriel are pairs with this first number ("oril"). Whoever stores a batch shares LOCK_STORE; a
 * replay holds it alone while it writes. LOCK_REPLAY is held by the one replay that is at work. */
#define LOCK_STORE  "1869769068, 2"
#define LOCK_REPLAY "1869769068, 3"

/* What batches are stored with: a connection and what was prepared on it. */
struct loader {
    struct session session;
    const struct entity_set *entities;
    struct arena arena; /* merge's */
    struct merge merge;
    struct watch watch; /* the leading worker's only */
    bool *changed;      /* per entity file: whether the batch in hand changed its table */
};

enum batch_result {
    BATCH_STORED,  /* committed; the delivery has more */
    BATCH_PART,    /* committed; the delivery goes on with another part, which is to be taken in hand first */
    BATCH_LAST,    /* committed, and the delivery is finished */
    BATCH_CHANGED, /* the file changed while it was read: nothing was done, the delivery is to be opened anew */
    BATCH_BROKEN,  /* the part of a pull cannot be read to its end, as was told: nothing was done; fetch it again */
    BATCH_RETRY,   /* Postgres may take it later: nothing was done; the connection is to be made anew */
    BATCH_STOP     /* a person is needed: nothing was done */
};

/* A batch in which more than limits.rejectPercent of the records are rejected stops its source. A batch of fewer
 * records than this is judged as if it had so many, so that one bad record in a small file does not stop a source. */
enum { LIMIT_SMALLEST_BATCH = 20 };

void loader_init(struct loader *l);
/* Prepares the session, which must be open, for these entity files. -1: session.failure says why. */
int loader_prepare(struct loader *l, const struct entity_set *entities) must_check;
/* After that, by who alone stores batches: remembers what it stored. -1: session.failure says why. */
int loader_watch(struct loader *l) must_check;
void loader_release(struct loader *l); /* closes the session too */

/*
 * Stores the delivery's next batch, and reads ahead meanwhile: `now` holds what was read of it so far (nothing, when it
 * was reset), `next` gets what comes after it. After BATCH_STORED the two change places for the next call; after any
 * other result both are to be reset. After BATCH_RETRY and BATCH_STOP session.failure.message says why; nothing is
 * logged.
 */
enum batch_result batch_run(struct loader *l, struct delivery *d, struct intake *now, struct intake *next) must_check;

#endif
