/*
 * What `oriel new` writes: the texts of the files of a new entity, out of what was guessed. Pure.
 */
#ifndef ORIEL_NEW_TEXT_H
#define ORIEL_NEW_TEXT_H

#include "lib/buf.h"
#include "worker/guess.h"
#include "worker/reader.h"

struct new_entity {
    const char *name;   /* of the files: "acme-lot" */
    const char *entity; /* "lot", also the table's name */
    const char *plural; /* "lots": the contract is api.v_lots_v1 */
    const char *client;
    const char *pattern; /* of the files' names: "*.csv" */
    const struct format *format;
    const struct guess_field *fields;
    size_t n_fields;
};

/* An example for the entity's tests: a record and what became of it. */
struct new_example {
    const char *title;
    const char *json; /* the document's text; NULL when it is a row of a CSV */
    const struct document *document;
    const struct cleaned *cleaned; /* not rejected */
};

/* The plural by the rules of English that have no exceptions here: box, boxes; story, stories; lot, lots. What looks
 * like a plural stays: lots. */
const char *new_plural(const char *word, struct arena *a);

void new_put_entity(struct buf *out, const struct new_entity *n);
void new_put_tests(struct buf *out, const struct new_entity *n, const struct new_example *example,
                   const struct entity *entity);
void new_put_source(struct buf *out, const struct new_entity *n, struct arena *a);
void new_put_expand(struct buf *out, const struct new_entity *n);
void new_put_revert(struct buf *out, const struct new_entity *n);

#endif
