/*
 * The ledger: what became of each kept record (tables reject, batch_entity and parked). It stands in schema raw; while
 * a replay finds out what would become of all records today, it writes a ledger of its own in schema replay.
 */
#ifndef ORIEL_LEDGER_H
#define ORIEL_LEDGER_H

#include "worker/entity.h"

const char *ledger_schema(const struct entity_set *set);
/* A statement with the schema's name in the place of each ${ledger}; in a. */
const char *ledger_sql(struct arena *a, const struct entity_set *set, const char *sql);

#endif
