/*
 * Merging cleaned rows into the entities' tables, inside the caller's transaction.
 */
#ifndef ORIEL_MERGE_H
#define ORIEL_MERGE_H

#include "worker/merge_sql.h"
#include "worker/rows.h"
#include "worker/source.h"
#include "worker/watch.h"

struct merge_entity {
    struct merge_sql sql;
    const char *problem; /* not NULL: entity file and table do not go together, as a sentence; sql is not to be used */
    bool fresh;          /* all rows of the last run were new */
    bool staged;         /* the staging table was filled in this transaction */
};

/* The statements and staging tables of one connection and one set of entity files. */
struct merge {
    const struct entity_set *set;
    const struct source_set *sources; /* may be NULL; see kept_read() */
    struct relation *relations;       /* set->n of both */
    struct merge_entity *list;
    struct watch *watch; /* NULL: nothing is known of the tables, all rows go to Postgres */
    bool complete;       /* pg_temp.complete names a delivery: keys that come are noted */
};

struct merge_counts {
    long long n[N_MERGE_COUNTS];
};

/* Reads the catalog and makes the staging tables. Everything in m lives in a. -1: s->failure says why. */
int merge_prepare(struct merge *m, struct arena *a, struct session *s, const struct entity_set *set) must_check;
/* Whether the catalog still says what merge_prepare read. -1: s->failure says why it is not known. */
int merge_is_current(const struct merge *m, struct session *s, bool *current) must_check;
/* To be called after each transaction's end, which has emptied the staging tables. */
void merge_transaction_ended(struct merge *m);

/*
 * Merges the rows of entity file i. Rows that Postgres refuses are rejected, with its words; the others go in as if
 * they had come in smaller batches. Counts are added to counts and, batch by batch, to raw.batch_entity, whose rows
 * must be there. -1: s->failure says why, and the transaction is to be rolled back.
 */
int merge_rows(struct merge *m, struct session *s, size_t i, const struct rows *rows,
               struct merge_counts *counts) must_check;
/*
 * Notes the keys of n refused rows of entity file i, from `first` on, as seen in the delivery of pg_temp.complete; of
 * those that Postgres cannot read, that they were not. -1: s->failure says why.
 */
int merge_note_seen(struct merge *m, struct session *s, size_t i, const struct rows *rows, size_t first,
                    size_t n) must_check;
/* Notes n records of entity file i whose keys cannot be read. -1: s->failure says why. */
int merge_note_unread(struct merge *m, struct session *s, size_t i, long long n) must_check;

#endif
