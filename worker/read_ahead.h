/*
 * Reading the next batch while Postgres stores the one before: by a second thread, which has nothing to do with
 * Postgres. In one thread the two do not go on side by side, however small its steps are: when Postgres is sent
 * something, Linux puts its process where the sender runs, since it takes him to sleep next.
 *
 * There is one such thread in the process, made when it is first needed, with all signals blocked. What cleaning keeps
 * between records (the scratch of pattern.c and encoding.c) is there once, so only one thread cleans at a
 * time: who is not this thread, and may clean while it reads, does so between read_ahead_hold() and
 * read_ahead_resume().
 */
#ifndef ORIEL_READ_AHEAD_H
#define ORIEL_READ_AHEAD_H

#include "worker/intake.h"

/* Begins to read into `in`, which was begun, to its end. Neither of the two is to be touched until read_ahead_end(),
 * but for what storing the batch before needs of d, which reading does not change. */
void read_ahead_begin(struct intake *in, struct delivery *d);
/* Waits until everything is read; or, when it is of no use any more, only until reading has stopped. */
void read_ahead_end(bool of_use);

void read_ahead_hold(void);
void read_ahead_resume(void);

#endif
