/*
 * Cleaned rows of one entity file on their way to Postgres, as text for COPY, cut so that any run of them can be sent
 * alone: a batch that Postgres refuses is halved until the record is found that is to blame.
 */
#ifndef ORIEL_ROWS_H
#define ORIEL_ROWS_H

#include "lib/buf.h"
#include "worker/clean.h"
#include "worker/known.h"

/* Where a record stands: raw.batch.id and its number there, from 1 on. */
struct lineage {
    int64_t batch;
    int line;
};

struct row {
    size_t start;           /* of its text in rows.text; it ends where the next one starts */
    struct known_row known; /* hashes of its natural key and of all that it says */
    struct lineage lineage;
};

struct rows {
    struct buf text;  /* of all of them; failed when it would have outgrown ROWS_LARGEST */
    struct row *list; /* n of them, and one behind that only has the end */
    size_t n, room;
    size_t taken_out; /* by rows_take_out() */
    uint32_t *slots;  /* hash table of rows, by what they say: 1 + index in list, 0 for none */
    size_t n_slots;   /* a power of two */
    bool slotted;     /* some slot is taken */
};
enum { ROWS_LARGEST = 1 << 30 };

void rows_init(struct rows *r); /* allocates nothing */
void rows_release(struct rows *r);
void rows_reset(struct rows *r);
/*
 * Adds a row in the columns' order of the staging table: batch, line, client, then each field that is stored. Records
 * that name the same vendor are many, so a row that says the same as an earlier one of its batch takes that one's
 * place, as if only the later had come; then the result is false.
 */
bool rows_add(struct rows *r, const struct entity *e, struct lineage at, const char *client,
              const struct cleaned *cleaned);
/* Takes rows out: those whose place in `out` is set. Nothing is to be added before the next reset. */
void rows_take_out(struct rows *r, const bool *out);
/* The text of rows first … first + n - 1. */
const char *rows_text(const struct rows *r, size_t first, size_t n, size_t *len);

/* Adds one reason to text for COPY into raw.reject, in the order of REJECT_COLUMNS. */
#define REJECT_COLUMNS "batch, line, entity, field, rule, value, reason, action, message"
void reject_add(struct buf *text, struct lineage at, const char *entity_file, const struct reason *reason);

/* A field that no source has, and for which no default stands, is not written at all: another file may feed it. */
bool field_is_stored(const struct field *f);

#endif
