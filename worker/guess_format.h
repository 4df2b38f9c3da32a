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

/* Where in a JSON document the records are. */
struct guess_json {
    bool sound;          /* it is one JSON document, and nothing more */
    const char *pointer; /* to its array of objects (RFC 6901), "" for the document itself; NULL: it has none */
    size_t records;      /* the objects in there */
};

/* One of these cells, read as if quotes were letters, begins and ends with one: there quotes are what they seem. */
bool guess_has_quoted(const struct value *cells, size_t n, char quote);

/* Looks through a whole document. What is found lives in a. */
void guess_json(struct guess_json *out, struct arena *a, const char *encoding, const char *bytes, size_t n);

/* Looks at n bytes; whole: there are no more, so the last line counts, too. What is found lives in a. */
void guess_format(struct guess_format *out, struct arena *a, const char *bytes, size_t n, bool whole);

#endif
