/*
 * Writing several new files, all or none, over nothing that is there.
 */
#ifndef ORIEL_NEW_WRITE_H
#define ORIEL_NEW_WRITE_H

#include "lib/buf.h"
#include "lib/mem.h"

enum { NEW_MOST_FILES = 8 };

struct new_files {
    struct {
        const char *path;
        struct buf text;
    } list[NEW_MOST_FILES];
    size_t n;
};

/* The text of one more file, to be filled. path must stay. */
struct buf *new_files_add(struct new_files *f, const char *path);
/* Is none of them there yet? The first that is, is told. */
int new_files_check(const struct new_files *f) must_check;
/* Makes folders where they are missing, and the files. When one cannot be made, those before it are taken away again.
 * -1 after a message. */
int new_files_write(const struct new_files *f) must_check;
void new_files_remove(const struct new_files *f, size_t n); /* the first n, and their folder if it is empty then */
void new_files_release(struct new_files *f);

#endif
