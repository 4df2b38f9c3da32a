/*
 * Running a change's DDL beside running readers: one transaction with short lock waits, the catalog read back before it
 * is committed.
 */
#ifndef ORIEL_CHANGE_APPLY_H
#define ORIEL_CHANGE_APPLY_H

#include "lib/contract_diff.h"
#include "worker/change.h"
#include "worker/change_retry.h"

/* What a run is given beside the change. */
struct change_run {
    const struct change_list *changes; /* all of them, with what is applied */
    const char *lock_path;       /* the lock file, whose acknowledgements and tombstones count; it may not exist yet */
    const char *const *standbys; /* as in struct settings */
    struct change_patience patience;
};

struct change_application {
    const struct change_run *run;
    PGconn *c;
    const struct change *change;
    enum change_step step;
    /* Called first, inside the transaction of each try; NULL for nothing. */
    enum change_outcome (*prepare)(const struct change_application *app, struct arena *a);
    /*
     * Says whether what the step did to one contract may stay; called inside the transaction, after the SQL, for every
     * difference that weighs ACK or BREAK. Returns 0 when it may; -1 after a message.
     */
    int (*judge)(const struct change_application *app, struct arena *a, const struct contract_set *lock,
                 const struct contract_difference *d);
    /* Called last, before COMMIT, when all was judged well; NULL for nothing. For `plan`, which then rolls back. */
    int (*look)(const struct change_application *app, struct arena *a, const struct contract_differences *d);
    struct buf *statements; /* gets what each statement did ("CREATE VIEW"), a line each; NULL when nobody asks */
    bool dry;               /* roll back in the end */
    bool probe;             /* refuse what would promise readers something that the data does not hold */
    void *context;          /* for prepare, judge and look */
};

/* 0: applied and recorded (or, dry, looked at); -1 after a message, nothing was changed. */
int change_apply(const struct change_application *app) must_check;

/* The judge of expand, and of everything that may only add: what breaks is refused, what changes a meaning wants its
 * line in the lock file. */
int change_judge_additive(const struct change_application *app, struct arena *a, const struct contract_set *lock,
                          const struct contract_difference *d) must_check;

#endif
