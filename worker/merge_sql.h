/*
 * The statements that merge cleaned rows into an entity's table, made from an entity file and the catalog's column
 * types. Pure: text in, text out; made once per connection, not per batch.
 *
 * Rows are copied into a staging table (one per entity file, temporary, empty at the start of each transaction) and
 * judged there as a set: nothing is done row by row, and a row that changes nothing is not written.
 */
#ifndef ORIEL_MERGE_SQL_H
#define ORIEL_MERGE_SQL_H

#include "lib/buf.h"
#include "worker/entity.h"
#include "worker/relation.h"

struct merge_sql {
    const char *create;          /* makes the staging table */
    const char *copy;            /* fills it: columns as rows_add() writes them */
    const char *clear;           /* empties it within a transaction */
    const char *duplicates;      /* takes the losers among rows of the same natural key out of it */
    const char *duplicates_some; /* as duplicates, before merge_some */
    /* The next three are NULL where no index of the table begins with the natural key. */
    const char *near;      /* two numbers: rows of the table among the keys staged, counted up to just beyond twice as
                              many as are staged, and rows staged */
    const char *same;      /* where they are not many more: takes out what is in the table as it is staged */
    const char *merge_new; /* where there are none: as merge, but nothing is looked up; NULL for an entity that refers
                              to itself */
    /* The next two are NULL too where a new row could be anything but inserted; see merge_fresh.h. */
    const char *fresh_count; /* counts $2 rows of batch $1 as inserted; returns the first one's id (0: it has none) and
                                whether a parked record waits for any of the entity */
    const char *fresh_copy;  /* fills the table itself, ids first */
    const char *confirm;     /* a row that is staged as it stands, while an older record of its key is parked, counts as
                                arrived now, or that record would overwrite it later; NULL where nothing parks */
    const char *merge;       /* judges and applies the rest */
    const char *merge_some;  /* only for an entity that refers to itself, else NULL: as merge, but rows that refer to
                                another staged row stay in the staging table for the next round */
    /* of an entity whose rows can be marked gone, else NULL: */
    const char *seen;    /* notes the keys of the staged rows as seen in the delivery of pg_temp.complete; NULL also
                            where the key holds a reference */
    const char *missing; /* how many rows of source $2 there are, and how many delivery $1 has not seen */
    const char *mark;    /* marks those gone */
};

/* The columns of the one row that duplicates, same and the merges return. */
enum merge_count {
    COUNT_INSERTED,
    COUNT_UPDATED,
    COUNT_UNCHANGED,
    COUNT_REJECTED,
    COUNT_PARKED,
    COUNT_LEFT,      /* staged still, for the next round */
    COUNT_WRITTEN,   /* rows that INSERT and UPDATE wrote; must be COUNT_INSERTED + COUNT_UPDATED */
    COUNT_CONTESTED, /* rows that duplicates left staged beside others of their keys */
    N_MERGE_COUNTS
};

/* Makes the temporary tables that all entity files share: pg_temp.arrived and pg_temp.woken (see park.h), and
 * pg_temp.complete, which names the delivery in hand when it is one that contains everything. */
extern const char merge_sql_shared[];

/*
 * relations[i] is the table of set->list[i]. Everything in out lives in a. Returns NULL, or why entity file i and its
 * table do not go together, as a sentence.
 */
const char *merge_sql_build(struct merge_sql *out, struct arena *a, const struct entity_set *set, size_t i,
                            const struct relation *relations) must_check;

#endif
