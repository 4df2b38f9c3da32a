/*
 * Which fields the records of a batch have that none of the source's entity files asks for, and which of those that are
 * asked for a record lacks. A field that somebody renamed shows as one of each. Pure: what comes of the counts is
 * field_ledger.h's.
 *
 * A field is a key of an object or a column. What lies below a place that is asked for is asked for with it; what lies
 * below one that nobody asks for is not looked at. Elements of arrays are no fields.
 */
#ifndef ORIEL_FIELD_COUNT_H
#define ORIEL_FIELD_COUNT_H

#include "worker/document.h"
#include "worker/source.h"

/* A hostile file costs no more than this: so many unknown fields of a batch are told apart, and only those with names
 * of so many bytes. The others are counted together. */
enum { MOST_UNKNOWN_FIELDS = 200, LONGEST_FIELD_NAME = 128 };

struct place;

struct field_count {
    struct arena asked; /* the places that entity files ask for, and those on the way to them */
    struct arena found; /* of the batch: unknown places */
    struct place *root;
    struct place **list; /* the asked places and those on the way, n_asked; behind them the unknown ones */
    size_t n_asked, n;
    struct place **slots; /* hash table of list, by parent and key */
    size_t n_slots;       /* a power of two */
    bool columns;         /* places are columns of a CSV */
    struct header header; /* of the last rows of a CSV, */
    long long rows;       /* and how many are not added to its columns yet */
    long long records;    /* that were looked at */
    long long others;     /* unknown fields that are not told apart: their occurrences */
};

/* One place and in how many records of the batch it was found (unknown) or not found (asked for). */
struct field_deviation {
    const char *place; /* as entity files would name it in `from`; "" for those that are not told apart */
    bool asked;
    long long n;     /* records; for "" occurrences */
    long long since; /* the delivery in which it was first so; 0: this one */
};

void field_count_init(struct field_count *f, const struct source *source);
void field_count_release(struct field_count *f);
void field_count_reset(struct field_count *f);
/* What is made on the way lives in a. */
void field_count_record(struct field_count *f, const struct document *d, struct arena *a);
/* All unknown fields, in the order in which they came, and the asked ones that some record lacks. In a. */
struct field_deviation *field_count_list(struct field_count *f, struct arena *a, size_t *n);

#endif
