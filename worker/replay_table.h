/*
 * The statements by which a replay compares an entity's table with its shadow and brings it up to it. Pure: text in,
 * text out. A row is known by its natural key in both; where both have it, the shadow has taken over its id.
 */
#ifndef ORIEL_REPLAY_TABLE_H
#define ORIEL_REPLAY_TABLE_H

#include "worker/entity.h"
#include "worker/relation.h"

/* Schema of the shadows and of what else a replay needs while it is at work. */
#define SCHEMA_REPLAY "replay"

struct replay_table {
    const struct entity *entity; /* of the live table: the first file of its entity */
    const struct entity_set *set;
    const bool *chosen;         /* per entity file of the set: whether it has a shadow */
    const char *list;           /* name of the table that lists differences */
    const char *const *columns; /* that the entity's files write, quoted; those of the natural key first */
    const char *const *names;   /* the same, not quoted */
    size_t n_columns, n_keys;
    bool has_gone_at;
    bool refers_to_itself; /* its rows go in by one statement, since Postgres looks for what they refer to at its end */
    long long pruned_rows; /* that came from batches which were pruned */
    bool scoped;           /* only rows that come, or came, from batches in replay.scope */
    /* statements; those of a range take its first and last number as $1 and $2 */
    const char *create;  /* makes the shadow */
    const char *seed;    /* copies the rows whose batch is not kept into it */
    const char *pruned;  /* how many rows came from batches that were pruned, but for those that are gone */
    const char *restart; /* of an empty table: ids begin at 1 again; takes the entity as $1; NULL: it has no id */
    const char *analyze; /* so that the comparison is planned for what is there */
    const char *align;   /* gives ids of the live table to rows that the shadow knew before; returns how many */
    const char *report;  /* one row: rows now, rows then, added, changed, gone, then per data column how many change */
    const char *differs; /* makes the numbered list of keys whose rows differ; run after `forget` */
    const char *forget;  /* drops that list */
    const char *insert;  /* of a range */
    const char *update;
    const char *gone; /* marks rows that come from nothing any more, or deletes them where nothing can be marked */
};

/* Fills in t for the entity that set->list[i] feeds. Everything lives in a. */
void replay_table_make(struct replay_table *t, struct arena *a, const struct entity_set *set, size_t i,
                       const bool *chosen, const struct relation *relation, bool scoped);
/* An example of how a data column changes: one row, old and new. column: number among t->columns. */
const char *replay_table_example(const struct replay_table *t, struct arena *a, size_t column);

#endif
