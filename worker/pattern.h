/*
 * The `pattern` constraint: a regular expression that has to match a whole text. Fences PCRE2 in.
 */
#ifndef ORIEL_PATTERN_H
#define ORIEL_PATTERN_H

#include "lib/mem.h"

struct pattern;

enum pattern_verdict { PATTERN_MATCHES, PATTERN_DIFFERS, PATTERN_GAVE_UP };

/* Lives in a. NULL when it does not compile; *message (in a) then says why and where. */
struct pattern *pattern_compile(struct arena *a, const char *expression, const char **message) must_check;
/* PATTERN_GAVE_UP: the expression takes too many steps on this text; no text can hold the worker up. */
enum pattern_verdict pattern_match(const struct pattern *p, const char *s, size_t n);

#endif
