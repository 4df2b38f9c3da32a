/*
 * Secrets of sources: named in the source file as {"env": "NAME"} or {"file": "PATH"}, never written there, and read
 * each time they are needed, so that they can be changed while the worker runs.
 */
#ifndef ORIEL_SECRET_H
#define ORIEL_SECRET_H

#include "lib/cfg.h"

struct secret {
    const char *env, *file; /* one of them; both NULL: there is none */
};

/* Reads where the secret is from the object c; mistakes are told through cfg. other: keys that c may have besides. */
void secret_load(struct secret *s, const struct cfg *c, const char *const other[]);
/* The secret, without the line end behind it, in a; NULL when it is not there: *problem is a sentence that tells no
 * secret. */
const char *secret_read(const struct secret *s, struct arena *a, const char **problem);

#endif
