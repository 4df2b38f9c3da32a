/*
 * The operations that `clean` may name. Each takes text and gives text; they run in the order of the list, before
 * anything else is asked of a value. A rule that needs logic becomes an operation here, with its unit test.
 */
#ifndef ORIEL_OPERATION_H
#define ORIEL_OPERATION_H

#include "lib/cfg.h"
#include "worker/clean.h"
#include "worker/number.h"

struct unit;

struct operation {
    const char *name; /* as written: "unit:kg" */
    /* The new text lives in a, or is a part of the old. False when the operation cannot make sense of the text. */
    bool (*apply)(const struct operation *self, struct arena *a, struct cell *text);
    const struct unit *unit;    /* unit:… only: the unit to end in */
    struct number_form numbers; /* how numbers are written in this field */
};

/* Those without an argument, by name; the last has none. */
struct operation_kind {
    const char *name;
    bool (*apply)(const struct operation *self, struct arena *a, struct cell *text);
};
extern const struct operation_kind operation_kinds[];

/* Reads the operation's name at c; a mistake is told through cfg, with the nearest name. */
void operation_load(struct operation *o, const struct cfg *c, struct number_form numbers);

/* Operations that have files of their own. */
bool operation_unescape_html(const struct operation *self, struct arena *a, struct cell *text);
bool operation_strip_tags(const struct operation *self, struct arena *a, struct cell *text);
bool operation_cents(const struct operation *self, struct arena *a, struct cell *text);
bool operation_unit(const struct operation *self, struct arena *a, struct cell *text);
const struct unit *unit_find(const char *name); /* by the names that may stand behind "unit:"; NULL for others */
extern const char *const unit_names[];          /* NULL-terminated */

#endif
