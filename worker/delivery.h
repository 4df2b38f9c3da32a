/*
 * A delivery: one file of a source, known by its contents, that is being loaded batch by batch. Where loading goes on
 * is in oriel.delivery and moves in the same transaction as the data.
 */
#ifndef ORIEL_DELIVERY_H
#define ORIEL_DELIVERY_H

#include "worker/session.h"
#include "worker/source_file.h"

struct delivery {
    const struct source *source;
    char *name, *path;
    char sha256[65];
    struct file_state state;
    long long id;      /* oriel.delivery.id; 0 until its first batch is stored */
    uint64_t offset;   /* where the next batch begins */
    long long records; /* stored so far */
    int fd;
    struct reader *reader; /* stands at offset whenever no batch is being read */
    char *header;          /* NULL when the format has none */
    size_t header_len;
};

enum delivery_found {
    DELIVERY_OPEN,       /* there is work: d is ready to be read */
    DELIVERY_DONE,       /* these contents were loaded before, under this name or another */
    DELIVERY_CHANGED,    /* the file is not as the drop folder knew it: look at the folder again */
    DELIVERY_UNREADABLE, /* told: it cannot be opened, or its header makes no sense */
    DELIVERY_UNKNOWN     /* Postgres could not be asked: s->failure */
};

/* Looks the file up and opens it where loading is to go on. d needs delivery_close() only after DELIVERY_OPEN. */
enum delivery_found delivery_open(struct delivery *d, struct session *s, const struct source *source,
                                  const struct drop_file *file) must_check;
void delivery_close(struct delivery *d); /* may be called again */
/* Whether the file is still what it was when it was summed. */
bool delivery_unchanged(const struct delivery *d);

/* The name of the source's delivery that is half loaded, in a; NULL when there is none. -1: s->failure says why. */
int delivery_half_loaded(const char **name, struct arena *a, struct session *s, const struct source *source) must_check;

#endif
