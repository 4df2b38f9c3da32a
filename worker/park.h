/*
 * Parked records: those that refer to a record which has not come yet. They wait as lineage only (raw.parked) and are
 * taken up, cleaned anew from raw.batch with today's entity file, in the transaction that brings what they wait for.
 *
 * Merging notes in pg_temp.arrived which keys came that somebody may wait for; pg_temp.woken holds the records that
 * wait for nothing any more.
 */
#ifndef ORIEL_PARK_H
#define ORIEL_PARK_H

#include "worker/load.h"

/*
 * Takes up every record that waits for nothing any more, until none is left, inside the caller's transaction. l is
 * empty before and after; changed as for load_store(). Counts move in raw.batch_entity from parked to what became of
 * the record, each in its own batch. -1: s->failure says why; the transaction is to be rolled back.
 */
int park_take_up(struct load *l, struct merge *m, struct session *s, bool *changed) must_check;

#endif
