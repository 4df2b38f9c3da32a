/*
 * The bytes of a file, read forward in a window: as they are, or what gzip made smaller (RFC 1952), which is known by
 * its first bytes. Offsets are those of the bytes that come out.
 */
#ifndef ORIEL_INPUT_H
#define ORIEL_INPUT_H

#include "lib/base.h"

struct gunzip;

/* Invariant: data[start..end) was read and not yet taken; data[start] stands at `offset`. */
struct input {
    int fd; /* not closed */
    const char *name;
    char *data;
    size_t size, start, end;
    uint64_t offset;
    bool at_end;
    bool probed; /* whether it is gzip was found out */
    struct gunzip *gunzip;
};

/* name must stay. */
void input_init(struct input *in, int fd, const char *name);
void input_release(struct input *in);
/* Goes to a byte; only to be called before anything was read. A pipe is at 0. -1 after a message. */
int input_seek(struct input *in, uint64_t offset) must_check;
/* Reads more behind `end`, at least a byte. 1; 0 at the end; -1 after a message: the file cannot be read, or its gzip
 * is broken or cut off. */
int input_more(struct input *in) must_check;
/* Takes n of the bytes that are there. */
void input_advance(struct input *in, size_t n);
/* The byte at `start + at`, read if need be. -1 at the end, -2 after a message. */
int input_peek(struct input *in, size_t at) must_check;

/* Whether fd, from its beginning on, is no gzip or one that ends well, with its checks right; NULL, or a sentence.
 * Moves the file's position. */
const char *input_gzip_problem(int fd) must_check;

#endif
