/*
 * Cleaning: a document goes in, a row or every reason why not comes out. Pure: no I/O, no clock, no database.
 */
#ifndef ORIEL_CLEAN_H
#define ORIEL_CLEAN_H

#include "worker/document.h"
#include "worker/entity.h"

enum reason_code {
    REASON_MISSING,
    REASON_MALFORMED,
    REASON_OUT_OF_RANGE,
    REASON_TOO_LONG,
    REASON_PATTERN,
    REASON_NOT_IN_ENUM,
    REASON_BAD_ENCODING,
    REASON_BAD_UNIT,
    REASON_UNRESOLVED_REFERENCE,
    REASON_DUPLICATE_IN_BATCH,
    REASON_STALE,
    REASON_CONSTRAINT
};
extern const char *const reason_names[]; /* "missing", …: as stored in raw.reject; NULL-terminated */

struct reason {
    enum reason_code code;
    enum action action; /* what was done about it: reject, null or default */
    const char *field;  /* NULL when it is about the whole record */
    const char *rule;   /* the constraint, type or operation that failed: "required", "date", "unit:kg", "json" */
    const char *value;  /* the offending text, as it came, cut at 200 bytes between characters; NULL when there is none.
                           Valid UTF-8 without NUL, so that a text column takes it. */
    const char *message; /* a sentence for people; NULL when the rule says it all */
};

/* One field's text, without a NUL behind it, in the form that Postgres reads for the column's type; text NULL is null.
 * For a reference it is the key of the record referred to. */
struct cell {
    const char *text;
    size_t len;
};

struct cleaned {
    bool rejected;      /* some reason's action is reject; cells are not to be used */
    struct cell *cells; /* entity->n_fields of them */
    struct reason *reasons;
    size_t n_reasons;
};

/* Bytes of any kind as a reason's value: cut, and what no text column takes replaced by U+FFFD. Lives in a. */
const char *reason_value(struct arena *a, const char *s, size_t n);

/* Everything in out lives in a, or is part of the document or the entity. All fields are looked at, also after one has
 * failed. */
void clean_document(const struct entity *e, const struct document *d, struct arena *a, struct cleaned *out);

#endif
