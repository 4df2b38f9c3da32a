/*
 * From a value to the text that Postgres reads for a field's type, and whether that text holds to the field's
 * constraints. Private to the cleaner.
 */
#ifndef ORIEL_CONVERT_H
#define ORIEL_CONVERT_H

#include "worker/clean.h"

/* Why a value was not taken. */
struct fault {
    enum reason_code code;
    const char *rule;
    const char *message; /* NULL when the rule says it all */
};

extern const char *const type_names[]; /* by enum field_type; NULL-terminated */

/* The value must not be absent or null. out lives in a, or is the value's own text. False, and *fault, when the value
 * is none of the field's type. */
bool convert_value(const struct field *f, const struct value *v, struct arena *a, struct cell *out,
                   struct fault *fault) must_check;

/* One constraint of the table below. */
struct constraint {
    const char *name;
    unsigned types; /* bits, 1 << enum field_type: the types that it has a meaning for */
    /* Does text, as convert_value() made it, hold to what f says about this? True where f says nothing. */
    bool (*holds)(const struct field *f, const struct cell *text, struct arena *a, struct fault *fault);
};
extern const struct constraint constraints[];
extern const size_t n_constraints;

#endif
