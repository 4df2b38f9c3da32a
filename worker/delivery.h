/*
 * A delivery that is being loaded batch by batch: one file of a source, known by its contents, or one pull, which has
 * one or several parts. Where loading goes on is in oriel.delivery, and of a pull in oriel.source.position, and moves
 * in the same transaction as the data.
 */
#ifndef ORIEL_DELIVERY_H
#define ORIEL_DELIVERY_H

#include "worker/session.h"
#include "worker/source_file.h"

struct pull;

struct delivery {
    const struct source *source;
    char *name;
    long long id;      /* oriel.delivery.id; 0 until its first batch is stored */
    uint64_t offset;   /* where in the file or part the next batch begins */
    long long records; /* stored so far */
    int fd;
    struct reader *reader; /* stands at offset whenever no batch is being read; NULL: nothing is in hand */
    char *header;          /* NULL when the format has none */
    size_t header_len;
    /* of a file */
    char *path;
    char sha256[65];
    struct file_state state;
    /* of a pull */
    struct pull *pull;      /* NULL: it is a file */
    char part_sha256[65];   /* of the part in hand */
    long long part_records; /* read of it, those before offset included */
    bool more;              /* behind it comes another part, */
    bool more_unless_empty; /* provided that there was a record in it */
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
/* Puts d's reader at a byte of d->fd. -1 after a message. */
int delivery_open_reader(struct delivery *d, uint64_t offset) must_check;
/* Gives the part in hand back, if there is one; the pull goes on with another. */
void delivery_drop_part(struct delivery *d);
/* Whether this part is followed by another; to be asked when it was read to its end. A file has one part. */
bool delivery_has_more(const struct delivery *d);
/* What oriel.delivery.next_offset is when `records` are stored and reading goes on at `offset`: for a pull, whose parts
 * begin at 0 each, the number of records. */
long long delivery_mark(const struct delivery *d, uint64_t offset, long long records);
/* Whether the file is still what it was when it was summed. Nothing changes what a pull has fetched. */
bool delivery_unchanged(const struct delivery *d);

/* The name of the source's delivery that is half loaded, in a; NULL when there is none. -1: s->failure says why. */
int delivery_half_loaded(const char **name, struct arena *a, struct session *s, const struct source *source) must_check;

#endif
