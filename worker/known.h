/*
 * What a table is known to hold: for each row a hash of its natural key and a hash of all that a record said when the
 * row was last found equal to it. A record that says the same again need not go to Postgres.
 *
 * Pure. Whether what is known is still true is for the caller to find out (watch.h).
 *
 * Memory: 16 bytes a row, in parts that grow one by one, so that growing never doubles it. A set that is full forgets
 * nothing and takes nothing more; a row that is not known costs a look into the table, no more.
 */
#ifndef ORIEL_KNOWN_H
#define ORIEL_KNOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct known_row {
    uint64_t key;  /* 0: an empty place */
    uint64_t said; /* 0: forgotten; the place is kept, so that others behind it are found */
};

struct known {
    struct known_part *parts; /* KNOWN_PARTS of them; NULL: nothing is known */
    size_t bytes;             /* that the parts take */
    size_t n;                 /* places taken */
};

/* All sets of a worker together; with it the worker stays below 64 MiB. */
enum { KNOWN_LARGEST = 24 << 20, KNOWN_PARTS = 256 };

void known_init(struct known *k);    /* allocates nothing */
void known_release(struct known *k); /* forgets everything */

bool known_is(const struct known *k, struct known_row row);
/* Knows the row from now on, in place of what was known of its key. most: bytes that the set may take; beyond it the
 * row is not taken. */
void known_note(struct known *k, struct known_row row, size_t most);
void known_forget(struct known *k, uint64_t key);

#endif
