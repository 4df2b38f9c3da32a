/*
 * A JSON document whose records are the elements of one array: the whole document, or what a pointer leads to. Records
 * are cut out one by one, so a document may be of any size. What stands outside of the array is looked at no closer
 * than is needed to find it.
 */
#ifndef ORIEL_JSON_ARRAY_H
#define ORIEL_JSON_ARRAY_H

#include "worker/input.h"

/* A stretch of the input, counted from its data[start]. */
struct extent {
    size_t len;  /* of the record */
    size_t next; /* where reading goes on: behind the comma, or at what ends the array */
};

struct json_array {
    bool entered;      /* the input stands inside of the array */
    bool behind_comma; /* or that is not known: it was entered in its middle */
    bool any;          /* an element was seen */
    bool ended;
};

/* The next element; in stands at its first byte then. 1; 0: the array has ended; -1 after a message: it is none, or
 * broken, or cut off. pointer NULL: the document itself is the array. */
int json_array_next(struct json_array *j, struct input *in, const char *pointer, struct extent *element) must_check;

/*
 * The same for text that is here as a whole. Finds what the pointer leads to ("" is all of it). 1 and *at, *len; 0 when
 * the document has no such place; -1 when the text is not one JSON value whose brackets and strings all end. Pure.
 */
int json_locate(const char *text, size_t n, const char *pointer, size_t *at, size_t *len) must_check;

#endif
