/*
 * Kinds of sources: what each knows of its own, as a table of functions. Everything else (batches, positions, back-off,
 * schedules) is the same for all and stands in feed.c, batch.c and pull.c.
 *
 * A file source is watched: its deliveries are files, known by their content. The others are pulled: a pull is one
 * delivery of one or several parts (pages of HTTP, runs of rows), and where it goes on is the source's position.
 */
#ifndef ORIEL_SOURCE_KIND_H
#define ORIEL_SOURCE_KIND_H

#include "worker/pull.h"

enum pull_result {
    PULL_OPEN,    /* the delivery is ready to be read */
    PULL_NOTHING, /* there is nothing to take, or nothing more: the pull is over */
    PULL_BUSY,    /* on its way: look again when p->fd is ready, or at p->look_at_ms */
    PULL_WAIT, /* it failed for a while: p->message; try again after p->pause_ms, or, when that is 0, with back-off */
    PULL_STOP, /* a person is needed: p->message */
    PULL_RETRY /* Oriel's own Postgres failed: session.failure */
};

struct source_kind {
    const char *name;
    const char *const *keys; /* in a source file, beside those that all have; NULL-terminated */
    bool pulled;             /* it has a position, and each pull is put down in oriel.source */
    /* Reads these keys; mistakes are told through cfg. */
    void (*load)(struct source *s, struct arena *a, const struct cfg *root, const struct settings *settings);
    /* What it keeps while at work: in p->state. */
    void (*open)(struct pull *p);
    void (*release)(struct pull *p);
    /* Forgets what is on its way. NULL: nothing can be. */
    void (*drop)(struct pull *p);
    /* The next delivery of a file source; the part of a pull that p->position names. Never waits. */
    enum pull_result (*look)(struct pull *p, struct session *s, struct delivery *d);
    /* When a pull is over: tells by pull_tell what a person should know of, though nothing failed. NULL: nothing. */
    void (*remark)(struct pull *p);
    /* What to wait at while there is nothing to take: -1 for nothing. NULL: nothing. */
    int (*idle_fd)(const struct pull *p);
    /* JSON, in a: how the part behind the one in hand is asked for, or, when it was the last, the next pull's first.
     * NULL for the beginning. */
    const char *(*next)(struct pull *p, const struct delivery *d, bool last, struct arena *a);
};

extern const struct source_kind source_kind_file, source_kind_http, source_kind_postgres;

/* NULL-terminated; source_kind_names in the same order. */
extern const struct source_kind *const source_kinds[];
extern const char *const source_kind_names[];

#endif
