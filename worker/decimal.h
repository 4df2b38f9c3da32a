/*
 * Exact decimal numbers. A number is kept as its digits from the source to Postgres; it never becomes a double.
 *
 * A plain decimal is text of the form -?digits(.digits)? without a leading zero before another digit, without an
 * exponent and never "-0". Zeros at the end of the fraction stay, since Postgres keeps them too.
 */
#ifndef ORIEL_DECIMAL_H
#define ORIEL_DECIMAL_H

#include "lib/mem.h"

enum {
    DECIMAL_MAX_DIGITS = 1000, /* before the point, and again behind it; Postgres would take 131072 and 16383 */
};

enum decimal_status {
    DECIMAL_OK,
    DECIMAL_MALFORMED, /* not a number, or something stands behind it */
    DECIMAL_TOO_LARGE  /* more digits than DECIMAL_MAX_DIGITS when written without an exponent */
};

/* Makes a literal, [+-]?(digits(.digits)?|.digits)([eE][+-]?digits)?, a plain decimal in a. */
enum decimal_status decimal_plain(struct arena *a, const char *s, size_t n, const char **out) must_check;

/* Compares two plain decimals by value: below, equal to or above 0 as strcmp does. */
int decimal_compare(const char *x, const char *y);

/* The product of two plain decimals, exact. */
const char *decimal_multiply(struct arena *a, const char *x, const char *y);
/* x divided by y (which must not be zero), rounded half away from zero to that many places behind the point. */
const char *decimal_divide(struct arena *a, const char *x, const char *y, int places);
/* The same value without zeros at the end of its fraction. */
const char *decimal_trim(struct arena *a, const char *x);

#endif
