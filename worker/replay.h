/*
 * A replay cleans all that is kept anew, with today's entity files, and brings the tables to what then comes out.
 *
 * It goes in three steps. First all of raw is loaded, batch by batch in the order in which it was stored, into shadows
 * of the tables with a ledger of their own (schema replay), by the very code that loads deliveries: so what comes out
 * is what loading would have made of it, and which record wins over which needs no second rule. Then shadow and table
 * are compared. Then the differences are applied in small transactions. The live worker goes on meanwhile: before each
 * of these, the worker is held off by a lock, batches that it has stored are loaded into the shadow too, and only then
 * the differences are written, so nothing newer can be overwritten.
 *
 * It can be killed at any moment. What is loaded is committed with how far it is (oriel.replay); what is applied
 * differs no more. The same replay goes on where it was, another one begins anew.
 */
#ifndef ORIEL_REPLAY_H
#define ORIEL_REPLAY_H

#include "worker/batch.h"
#include "worker/domain.h"
#include "worker/replay_table.h"
#include "worker/throttle.h"

struct replay_scope {
    const char *since; /* a time; only what comes from batches received since then is applied. NULL: whenever */
    const char *batch; /* only from this batch. NULL: all */
    bool rejects;      /* only from batches with rejects, of this source and for this reason. NULL: any */
    const char *source, *reason;
};

struct replay {
    const struct domain *domain;
    struct arena arena;
    struct replay_scope scope;
    struct entity_set set;       /* the domain's, with the chosen entities' tables in schema replay */
    bool *chosen;                /* per entity file: whether it is replayed */
    struct replay_table *tables; /* of the chosen entities, in the set's order */
    size_t n_tables;
    struct loader live, shadow; /* a session each */
    struct load load;
    long long stored;      /* batches up to here are in the shadow */
    long long total, done; /* records to load, and loaded so far */
    long long began;       /* done, when this run began */
    long long pruned;      /* records whose raw was pruned */
    /* to be set behind replay_open by who wants something else */
    const char *title;         /* of its progress: "replay" */
    struct throttle *throttle; /* asked behind each transaction; NULL: full speed */
};

/* Whether all these are names of the domain's entities, or of entity files. -1 after a message. */
int replay_check_names(const struct domain *d, const char *const *entities) must_check;
/* Takes the turn and makes the shadows, or finds those of an interrupted replay of the same plan. entities: their
 * names, NULL-terminated; an empty list means all. -1 after a message. To be released in any case. */
int replay_open(struct replay *r, const struct domain *d, const char *const *entities,
                const struct replay_scope *scope) must_check;
void replay_release(struct replay *r);

/* Loads the next batch into the shadow. 1; 0: there is none; -1 after a message. */
int replay_load_next(struct replay *r) must_check;
/* Loads all that there is, with a progress bar. -1 after a message. */
int replay_load_all(struct replay *r) must_check;
/* Whether what was loaded keeps to limits.rejectPercent. -1 after a message. */
int replay_check_limits(struct replay *r) must_check;
/* Prints what would change. -1 after a message. */
int replay_report(struct replay *r, bool json) must_check;
/* Applies it. *rows gets how many rows were written. -1 after a message; what was applied stays. */
int replay_apply(struct replay *r, long long *rows) must_check;
/* Takes the shadows away. -1 after a message. */
int replay_discard(struct replay *r) must_check;

/* All of it, with a progress bar, and what was done on standard output. An enum exit_code. */
int replay_run(const struct domain *d, const char *const *entities, const struct replay_scope *scope, bool dry_run,
               bool json) must_check;

/* For the files of replay. Tells what cannot be cleaned anew because its raw was pruned. -1 after a message, also where
 * the scope is a batch that was pruned. */
int replay_look_for_pruned(struct replay *r) must_check;
/* For the files of replay: tells the session's failure, and what it means for the replay. Returns -1. */
int replay_tell(const struct session *s);

#endif
