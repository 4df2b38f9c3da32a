/*
 * Changes: folders sql/changes/NNNN-name/ that hold the SQL of one change's phases. What was applied is recorded with
 * its text in oriel.change_step, so a file that was edited afterwards is found out.
 */
#ifndef ORIEL_CHANGE_H
#define ORIEL_CHANGE_H

#include "lib/mem.h"
#include "lib/pg.h"

enum change_step {
    STEP_EXPAND,   /* additive: new tables, columns, views; one transaction */
    STEP_FILL,     /* old rows get their new values, in small committed ranges of keys */
    STEP_PROVE,    /* queries that must return no row, constraints that are validated */
    STEP_BROWNOUT, /* the reader's grant is away for a while and comes back; has no file */
    STEP_CONTRACT, /* what nobody reads any more is dropped */
    STEP_REVERT,   /* undoes expand */
    N_STEPS
};
extern const char *const change_step_names[]; /* "expand", …, NULL */

struct change_file {
    const char *path;
    const char *sql; /* its text; NULL when the folder does not have it */
    char sha256[65];
    const char *applied_at;  /* NULL: not yet */
    const char *applied_sql; /* the text as it was then */
    bool partial;            /* what was done of it before a failure stays */
};

struct change {
    const char *name; /* "0001-vendors-products-batches" */
    struct change_file step[N_STEPS];
};

struct change_list {
    struct change *list; /* in the order of their names */
    size_t n;
};

/* Reads the folder. A folder or file with another name than a change's is a mistake. -1 after messages. */
int change_load(struct change_list *changes, struct arena *a, const char *folder) must_check;
/* Fills in what is applied. An applied change that is not in the folder, or whose file is another now, is a mistake. */
int change_read_state(struct change_list *changes, struct arena *a, PGconn *c) must_check;
/* PQgetResult() for a file's statements. There is no client to copy from or to: COPY FROM STDIN becomes an error, and
 * what COPY TO STDOUT sends is dropped. */
PGresult *change_next_result(PGconn *c) must_check;
/* Says what failed, and on which line of the file. n: how many of its statements were done before; r: NULL when the
 * connection failed. */
void change_tell_failure(const struct change_file *f, size_t n, PGconn *c, const PGresult *r);
/* Whether a phase that is there was not run; once all were, nobody goes back by revert either. */
bool change_is_open(const struct change *change) must_check;
/* Runners of changes take turns: tries to take this one's, which ends with the session. -1 after a message. */
int change_take_turn(PGconn *c) must_check;
/* Records that a step is done, in the transaction that is open. */
int change_record(PGconn *c, const struct change *change, enum change_step step) must_check;

#endif
