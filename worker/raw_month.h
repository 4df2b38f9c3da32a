/*
 * Months of raw: the partitions that batches are kept in (sql/bookkeeping/0006-months.sql).
 */
#ifndef ORIEL_RAW_MONTH_H
#define ORIEL_RAW_MONTH_H

#include "worker/session.h"

/* How often the worker looks whether the next two months are there. */
enum { RAW_MONTHS_EVERY_MS = 3600000 };

/* Makes the months ahead that are missing. Takes no lock that a batch waits for. -1: session.failure says why. */
int raw_months_make(struct session *s) must_check;

/* Whether a batch could not be kept because its month is not there. A clock that was set on, then: it is there as soon
 * as the worker begins anew. */
bool raw_month_is_missing(const struct failure *f);

#endif
