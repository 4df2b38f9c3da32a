/*
 * Small pure helpers over text.
 */
#ifndef ORIEL_TEXT_H
#define ORIEL_TEXT_H

#include "lib/base.h"

/* The one of names (a NULL-terminated list) that is nearest to word by edits, or NULL when none is near enough to be
 * what was meant (more than a third of its letters would change). For "did you mean". */
const char *text_nearest(const char *word, const char *const names[]);

/* Reads a whole decimal number that fills s; -1 when it is not one or lies outside min..max. */
int text_integer(const char *s, long long min, long long max, long long *out) must_check;

/* Milliseconds of a duration such as "250ms", "5s", "10min", "2h", "1d"; -1 when it is none. */
long long text_duration_ms(const char *s);
/* Bytes of a size in Postgres' units, such as "512kB", "64MB", "2GB" (of 1024 each); -1 when it is none. */
long long text_size(const char *s);

/* Length of the longest valid UTF-8 (RFC 3629) at the start of s. Equal to n when all of it is valid. */
size_t text_utf8_valid(const char *s, size_t n);

/* A moment, in seconds since 1970, as an HTTP-date (RFC 9110, section 5.6.7); "" for one that has no year. */
void text_http_date(int64_t at, char date[32]);

/* To find texts by in memory, not to keep and not to trust: whoever chooses them can make two alike. */
uint64_t text_hash(const char *s);
/* SHA-256 of n bytes, as 64 hexadecimal digits and a NUL. */
void text_sha256(const void *p, size_t n, char hex[65]);

#endif
