/*
 * What merging would make of the rows of files, without a database: which of them share a natural key. By the rules of
 * the merge (merge_sql.c) and with the batches of a load: of rows with one key the batch's last stays, one that says
 * something else is rejected, one that says the same is no work; a row of a later batch updates. What is in the table
 * already is not known. Pure.
 */
#ifndef ORIEL_TRY_MERGE_H
#define ORIEL_TRY_MERGE_H

#include "worker/known.h"
#include "worker/rows.h"

/* Told of each row that would be rejected for another of its key: that, cut, in the order of the entity's fields. */
typedef void try_merge_duplicate(void *context, const char *key);

struct try_merge {
    const struct entity *entity;
    long long batch_records, batch_bytes; /* a batch ends with the record that reaches either */
    try_merge_duplicate *on_duplicate;
    void *context;
    struct rows rows; /* of the batch in hand */
    long long records, bytes;
    struct known known; /* of the batches before */
    long long updated;  /* rows of a later batch than the one before with their key, that say something else; by the
                           entity's orderBy, which is not looked at, older ones would be rejected */
    long long unchanged, rejected;
};

/* Allocates nothing. The batches are of the size that sources have by default, until the caller sets another. */
void try_merge_init(struct try_merge *m, const struct entity *e, try_merge_duplicate *on_duplicate, void *context);
void try_merge_release(struct try_merge *m);
/* The next record, of so many bytes. */
void try_merge_record(struct try_merge *m, const struct cleaned *cleaned, size_t len);
/* A delivery ends, and its last batch with it. */
void try_merge_end(struct try_merge *m);

#endif
