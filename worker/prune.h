/*
 * Pruning: what is kept though nobody needs it any more, and why the rest must stay. Each kind of thing has a file of
 * its own (prune_schema.c, prune_raw.c); cmd_prune.c holds their table.
 */
#ifndef ORIEL_PRUNE_H
#define ORIEL_PRUNE_H

#include "worker/command.h"
#include "worker/domain.h"

struct prune {
    struct arena *arena; /* lives as long as the command */
    PGconn *c;
    const struct domain *domain;
    bool removes; /* find() is to hold off what would come to need the things that it finds, until c is closed */
};

struct prune_item {
    const char *name;   /* how it is asked for and shown: "dp.product.price" */
    const char *what;   /* "column" */
    const char *reason; /* why it must stay, or why it can go, for people */
    bool needed;        /* it must stay */
    bool by_replay;     /* only a replay needs it, which may be given up (--force) */
    const char *size;   /* what going gives back, such as "12 MB"; NULL when that is not known */
    const void *own;    /* the kind's */
};

struct prune_list {
    struct prune_item *list;
    size_t n, room;
};
void prune_add(struct prune_list *list, struct arena *a, struct prune_item item);

struct prune_kind {
    const char *name; /* stands for all of them where things are named: "raw" */
    /* Adds everything of its kind, needed or not. -1 after a message. */
    int (*find)(const struct prune *p, struct prune_list *list);
    /* Removes what find() said can go, in transactions of its own. What is gone already is no failure. -1 after a
     * message. */
    int (*remove)(const struct prune *p, const struct prune_item *item);
};
extern const struct prune_kind prune_raw, prune_schema;

/*
 * A contract of the release that one would roll back to reads what it reads here; if it is not here, nobody knows what
 * it needs, and nothing can go. *unknown says so, or is NULL. -1 after a message.
 */
int prune_look_at_rollback(const struct prune *p, const char **unknown) must_check;

#endif
