/*
 * When a source is to be pulled: every so often, or at times of day. The clock is that of Oriel's Postgres, which also
 * keeps when the last pull was, so a restart neither forgets one nor makes one more.
 */
#ifndef ORIEL_SCHEDULE_H
#define ORIEL_SCHEDULE_H

#include "lib/cfg.h"
#include "worker/session.h"

struct schedule {
    long long every_ms;    /* 0 where there are times of day */
    const char *const *at; /* "06:30" */
    size_t n_at;
    const char *zone; /* where these are meant */
};

/* Reads the keys every, at and zone of a source file; mistakes are told through cfg. */
void schedule_load(struct schedule *s, const struct cfg *root);

struct schedule_due {
    long long in_ms;           /* 0: now. A pull that was missed while nobody led is due at once, once. */
    long long asked, answered; /* as in oriel.source */
};

/* When the source, which must stand in oriel.source, is due. -1: s->failure says why. */
int schedule_due(const struct schedule *schedule, struct session *s, const char *source,
                 struct schedule_due *out) must_check;
/* Puts down that a pull was made, with what a person should know of it (NULL: nothing), and answers those who asked;
 * after a failed one only that. -1: s->failure says why. */
int schedule_done(struct session *s, const char *source, long long answered, const char *remark) must_check;
int schedule_failed(struct session *s, const char *source, long long answered) must_check;

#endif
