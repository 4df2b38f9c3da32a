/*
 * The reading half of a batch: records are taken from a delivery, kept as they came and cleaned, without Postgres. So
 * the next batch is taken while Postgres stores the one before.
 */
#ifndef ORIEL_INTAKE_H
#define ORIEL_INTAKE_H

#include "worker/delivery.h"
#include "worker/field_count.h"
#include "worker/load.h"

struct intake {
    struct load load;
    struct field_count fields;
    struct buf records; /* as they came, as a binary bytea[] */
    int64_t batch;      /* raw.batch.id; 0: not begun */
    int n;              /* records */
    uint64_t offset;    /* of the first record, or, when there is none, where it would stand */
    uint64_t next_offset;
    long long part_records; /* of the part of a pull, up to next_offset */
    bool complete;          /* nothing more is to be read into it */
    bool part_ends;         /* the file, or the part of a pull, ends with it */
    bool last;              /* and so does the delivery */
    bool failed;            /* told: the delivery cannot be read beyond next_offset */
};

void intake_init(struct intake *in, const struct source *source, const struct entity_set *entities);
void intake_release(struct intake *in);
void intake_reset(struct intake *in);
/* Begins the batch of this id at a byte of the delivery. */
void intake_begin(struct intake *in, int64_t batch, uint64_t offset);
/* Takes up to `most` records more. Returns in->complete. */
bool intake_read(struct intake *in, struct delivery *d, int most);

#endif
