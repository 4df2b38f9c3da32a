/*
 * A drop folder: which of its files are complete, and what is in them by SHA-256. Files are only ever read. What was
 * found out about a file is kept in memory, so an unchanged folder is not read again at each look.
 */
#ifndef ORIEL_SOURCE_FILE_H
#define ORIEL_SOURCE_FILE_H

#include <sys/stat.h>

#include "worker/source.h"

/* What tells one state of a file from another without reading it. */
struct file_state {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified;
    struct timespec changed; /* rights, links and name count too */
};

struct drop_file {
    char *name, *path;
    struct file_state state;
    long long seen_ms;   /* monotonic: since when it is in this state */
    char sha256[65];     /* "" until its contents were read */
    bool done;           /* nothing is to be done about it while it stays in this state */
    bool odd;            /* no regular file: told, and left alone */
    const char *problem; /* why it is left out while it stays in this state; NULL: it is not */
};

struct drop {
    const struct source *source;
    struct drop_file *files; /* by name, byte by byte */
    size_t n;
    bool told;      /* that the folder cannot be read */
    bool told_name; /* that a file's name is not UTF-8 */
};

void drop_init(struct drop *d, const struct source *source);
void drop_release(struct drop *d);

/* Looks at the folder again. -1 after a message, which is given once until it can be read again. */
int drop_scan(struct drop *d) must_check;
/*
 * The first complete file that is not done, `first` before all others (NULL: none is preferred), with its contents
 * summed. NULL when there is none. Valid until the next scan. A file that cannot be read is told and marked done.
 */
struct drop_file *drop_next(struct drop *d, const char *first);

/* The first of the files that are left out until they change, and how many they are; NULL and 0. Folders are none. */
const struct drop_file *drop_left_out(const struct drop *d, size_t *n);

/* The file of that name, if there is one, was renamed to it as it is now, so it is complete. */
void drop_renamed(struct drop *d, const char *name);
/* Moves a file that is done with into the folder `done` of its source. Where one of that name is there, its sum is put
 * behind the name. Told when it cannot be; then it stays. */
void drop_move_done(const struct drop *d, const struct drop_file *f);

/*
 * Opens a client's file for reading and fills in st. Never waits: neither for a writer of a FIFO nor for a lease to be
 * given back (EAGAIN: try again later), and follows no symlink. -1 and errno, ELOOP for all that is no regular file.
 */
int drop_open(const char *path, struct stat *st) must_check;

struct file_state file_state_of(const struct stat *st);
/* Nothing about the file has changed, rights included: what could not be read still cannot. */
bool file_state_same(const struct file_state *a, const struct file_state *b);
/* Its contents have not changed, though it may have been renamed, taken away or given other rights. */
bool file_contents_same(const struct file_state *a, const struct file_state *b);

#endif
