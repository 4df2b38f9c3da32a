/*
 * What one transaction brings: records are cleaned for entity files, then everything is stored at once. The records of
 * a new batch (batch.c) and parked records that are taken up (park.c) go this way.
 */
#ifndef ORIEL_LOAD_H
#define ORIEL_LOAD_H

#include "worker/merge.h"
#include "worker/reader.h"

/* Records of a batch that come to nothing before they reach Postgres, to be counted in raw.batch_entity. */
struct tally {
    int64_t batch;
    size_t entity; /* index in the set */
    int refused;   /* by the cleaner */
    int unchanged; /* they say the same as a later one of the batch, or as the table is known to */
};

struct load {
    const struct entity_set *set;
    struct rows *rows;    /* set->n of them */
    struct rows *refused; /* set->n of them: keys of records that were rejected; of a complete delivery only */
    long long *unread;    /* set->n numbers: of such records whose keys cannot be read */
    bool complete;        /* set by the caller: the delivery contains everything, so all its keys are noted, */
    bool known_is_out;    /* by load_take_out_known() */
    int64_t delivery;     /* as those of this one, when they are stored */
    struct buf rejects;   /* text for COPY into raw.reject */
    struct tally *tallies;
    size_t n_tallies, tallies_room;
    struct arena record; /* what one record is parsed and cleaned in; emptied by load_next_record() */
};

void load_init(struct load *l, const struct entity_set *set);
void load_release(struct load *l);
void load_reset(struct load *l);

/* Forgets the last record's parts: what was parsed or cleaned in l->record. */
void load_next_record(struct load *l);
/* Cleans a record (parsed into l->record) for entity file i and takes the row, or the reasons why not. */
void load_record(struct load *l, size_t i, const struct record *record, struct lineage at, const char *client);
size_t load_size(const struct load *l); /* bytes waiting to be stored */

/* Takes out what says what the tables are known to hold, and counts it. Done by load_store(), unless it was before. */
void load_take_out_known(struct load *l, const struct merge *m);
/*
 * Stores what was taken, in the set's order of entities, inside the caller's transaction, and empties l. changed[i] is
 * set where entity file i's table changed. -1: s->failure says why; the transaction is to be rolled back.
 */
int load_store(struct load *l, struct merge *m, struct session *s, bool *changed) must_check;

#endif
