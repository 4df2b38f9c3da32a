/*
 * Complete deliveries: what is missing from one that contains everything is gone. It is marked (gone_at) in the
 * delivery's last transaction, unless that would take too much away: then it waits for a person. The keys that the
 * delivery has named stand in the ledger's table seen until then.
 */
#ifndef ORIEL_GONE_H
#define ORIEL_GONE_H

#include "worker/merge.h"

/*
 * Ends a complete delivery, inside of the transaction that stores its last batch: marks what is missing, or has it wait
 * for a person when that is more than source->most_gone_percent of the source's rows, or when there were records whose
 * keys could not be read, which may be the missing ones. changed[i] is set where rows of entity file i were marked. -1:
 * s->failure says why.
 */
int gone_end_delivery(struct merge *m, struct session *s, const struct source *source, long long delivery,
                      bool *changed) must_check;
/*
 * Marks whatever is missing from a delivery, for the entity files of which `chosen` holds (NULL: all of the source's).
 * Its keys are forgotten. *rows gets how many were marked; -1: s->failure says why.
 */
int gone_mark(struct merge *m, struct session *s, const struct source *source, const bool *chosen, long long delivery,
              bool *changed, long long *rows) must_check;

#endif
