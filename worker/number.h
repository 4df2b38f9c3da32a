/*
 * Numbers as people and programs write them, with their own sign for the point and between groups, to literals that
 * decimal.h takes.
 */
#ifndef ORIEL_NUMBER_H
#define ORIEL_NUMBER_H

#include "lib/base.h"

struct number_form {
    char decimal_char;
    char group_char; /* 0: none. A space also stands for U+00A0 and U+202F, which French typography puts there. */
};

/*
 * Reads the longest number at the start of s and writes it, with "." for the point and without groups, into out, which
 * has room for n + 1 bytes. Groups have three digits, or two (as in India) where another group follows. Returns how
 * many bytes of s it is; 0 when there is no number.
 */
size_t number_read(struct number_form form, const char *s, size_t n, char *out) must_check;

/* The same where letters may stand around the number ("about 12 %"), but no other digits. False when there is none. */
bool number_find(struct number_form form, const char *s, size_t n, char *out) must_check;

#endif
