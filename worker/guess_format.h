/*
 * Guessing how a file is to be read from its first bytes: encoding, form, and the dialect of a CSV. Pure.
 */
#ifndef ORIEL_GUESS_FORMAT_H
#define ORIEL_GUESS_FORMAT_H

#include "worker/reader.h"

struct guess_format {
    struct format format;
    const char *problem; /* a sentence: why the file cannot be read; NULL when it can */
    const char
        *evidence; /* for people: "CSV with \";\" between 14 columns, header; ISO-8859-1: 12 bytes are no UTF-8" */
};

/* Looks at n bytes; whole: there are no more, so the last line counts, too. What is found lives in a. */
void guess_format(struct guess_format *out, struct arena *a, const char *bytes, size_t n, bool whole);

#endif
