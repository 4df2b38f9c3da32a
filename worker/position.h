/*
 * Where the next pull of a source begins: kept as text in oriel.source.position, and moved in the transaction that
 * stores the data before it. Only the source's kind knows what `at` means. Pure.
 */
#ifndef ORIEL_POSITION_H
#define ORIEL_POSITION_H

#include "lib/mem.h"

struct position {
    const char *of; /* which place this is a position in (struct source's identity); elsewhere it means nothing */
    const char *at; /* JSON: how the part is asked for that comes next, or that is half stored; NULL: the beginning */
    const char *sha256; /* of the part that is half stored; NULL: none is */
    uint64_t offset;    /* of it, where to go on */
    long long records;  /* of it, that are stored */
};

/* text NULL, of another place or not understood gives the beginning of `of`. Everything lives in a. */
void position_parse(struct position *p, struct arena *a, const char *of, const char *text);
const char *position_text(const struct position *p, struct arena *a);

#endif
