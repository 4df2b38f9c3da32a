/*
 * What `oriel try` prints: rows, rejected records with all their reasons, and a summary; for people, or one JSON object
 * a line.
 */
#ifndef ORIEL_TRY_REPORT_H
#define ORIEL_TRY_REPORT_H

#include <stdio.h>

#include "lib/buf.h"
#include "worker/clean.h"
#include "worker/progress.h"
#include "worker/try_merge.h"

/* How often one reason came, with one value as an example. */
struct tally {
    enum reason_code code;
    enum action action;
    const char *field, *rule, *example; /* field, example NULL for none */
    long long count;
};

struct try_report {
    const struct entity *entity;
    FILE *out;
    bool json;
    long long limit;                   /* so many rows and so many rejected records are shown */
    long long records, rows, rejected; /* by cleaning alone */
    struct try_merge merge;
    struct tally *tallies;
    size_t n_tallies;
    struct arena arena; /* what is kept until the summary */
    struct buf line;
    struct progress *progress; /* its bar makes way for what is printed; NULL for none */
};

void try_report_init(struct try_report *r, const struct entity *e, FILE *out, bool json, long long limit);
void try_report_release(struct try_report *r);

/* One record of len bytes, counted from 1, as it came out. cells are only looked at when it is not rejected. */
void try_report_record(struct try_report *r, const struct cleaned *cleaned, size_t len);
/* A file ends. */
void try_report_file_end(struct try_report *r);
/* At the end, behind that of the last file. */
void try_report_summary(struct try_report *r);

#endif
