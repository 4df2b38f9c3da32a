/*
 * Rows that are all new, in a first load for most of the time, are copied straight into the table: neither staged nor
 * judged. That they are new is a guess, which the unique index on the natural key holds to the truth: without one the
 * worker does not start (check.c). When it was wrong, or Postgres refuses a row, nothing has happened, and the rows go
 * the usual way.
 */
#ifndef ORIEL_MERGE_FRESH_H
#define ORIEL_MERGE_FRESH_H

#include "worker/merge_sql.h"
#include "worker/rows.h"
#include "worker/session.h"

/* 1: all of them are in the table, and counted in raw.batch_entity; 0: none is; -1: s->failure says why. */
int merge_fresh(const struct merge_sql *sql, const struct entity *e, struct session *s,
                const struct rows *rows) must_check;

#endif
