/*
 * What is remembered of a source's unknown and missing fields: oriel.source_field, written in the transaction of each
 * batch, so that it counts every record once, whatever is killed.
 */
#ifndef ORIEL_FIELD_LEDGER_H
#define ORIEL_FIELD_LEDGER_H

#include "worker/field_count.h"
#include "worker/session.h"

/* Unknown fields of a source that are told apart, over all deliveries. */
enum { MOST_SOURCE_FIELDS = MOST_UNKNOWN_FIELDS };

/*
 * Adds the counts of a batch of this delivery, inside the caller's transaction. *news, in a, becomes a list, for
 * people, of the unknown fields that were never seen in this source; NULL: there are none. -1: s->failure says why.
 */
int field_ledger_add(struct field_count *f, struct session *s, struct arena *a, const char *source, long long delivery,
                     const char **news) must_check;

#endif
