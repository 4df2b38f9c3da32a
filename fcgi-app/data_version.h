/*
 * The version of the data behind an answer, as the worker counts it: two answers to one request are the same while it
 * is the same. It costs a look into the bookkeeping instead of the query. Pure, but for the statements, which others
 * run.
 *
 * Not every contract has one: a view may read tables that no entity is written to, or the clock (see
 * sql/bookkeeping/0005-data-version.sql). Then the tag of an answer is made of the answer.
 */
#ifndef ORIEL_DATA_VERSION_H
#define ORIEL_DATA_VERSION_H

#include <libpq-fe.h>

#include "fcgi-app/ast.h"
#include "fcgi-app/plan.h"

struct data_version {
    bool known;
    char hash[65];      /* opaque */
    int64_t changed_at; /* seconds since 1970 */
    char changed[32];   /* the same as an HTTP-date; "" where it is none */
};

/* The sources of every contract of the schema: view, and an array or NULL. */
extern const char data_sources_sql[];
/* The version of sources ($1, as plan.sources) together. */
extern const char data_version_sql[];
/* Reads what the latter gave; not known where that is no version. */
void data_version_read(struct data_version *v, const PGresult *r);

/*
 * Versions that were read lately. They hold for a moment, and no longer than until the worker says that it has written:
 * an answer may carry one, since a tag may be older than the rows under it, never newer (whoever comes back with it
 * gets them anew); and so may a 304, which is no staler than what a cache between may say. Where the contract allows no
 * cache
 * (@cache 0), whoever asks whether something has changed is not answered from here.
 */
struct data_versions {
    struct kept_version {
        char sources[64]; /* "" for none; longer ones are not kept */
        struct data_version version;
        int64_t read_at;     /* ms */
        unsigned long heard; /* how often the worker had said so by then */
    } kept[16];
};

/* NULL when there is none of these sources that holds. */
const struct data_version *data_versions_find(const struct data_versions *v, const char *sources, int64_t now,
                                              unsigned long heard);
/* read_at, heard: of the moment at which it was asked for. */
void data_versions_keep(struct data_versions *v, const char *sources, const struct data_version *version,
                        int64_t read_at, unsigned long heard);

/* Sets p's sources and shape, once all else of p is set. root: the contract of p; the ast is resolved. */
void data_version_plan(struct plan *p, struct arena *a, const struct api *api, const struct request *r,
                       const struct api_contract *root, const struct ast *ast);

#endif
