/*
 * The place in an order where a page of rows ended, as a client carries it to the next: opaque to the client, base64url
 * (RFC 4648, section 5, without padding) of compact JSON: [version, "order", [value, …]], each value Postgres' text or
 * null. It is no secret and no promise: a forged one says no more than "begin behind these values". Pure.
 */
#ifndef ORIEL_CURSOR_H
#define ORIEL_CURSOR_H

#include "lib/mem.h"

/* order: a fingerprint of what the values are of. values: n of them, NULL for null. */
const char *cursor_encode(struct arena *a, const char *order, const char *const *values, size_t n);
/* The n values of a cursor of this order. Returns NULL, or for people why text is no such cursor. */
const char *cursor_decode(struct arena *a, const char *text, const char *order, size_t n,
                          const char ***values) must_check;

#endif
