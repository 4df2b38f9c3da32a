/*
 * Source files: conf/sources/NAME.json, what a client delivers, how it is to be read and which entity files clean it.
 */
#ifndef ORIEL_SOURCE_H
#define ORIEL_SOURCE_H

#include "lib/settings.h"
#include "worker/entity.h"
#include "worker/reader.h"
#include "worker/schedule.h"

struct source_kind;

/* The size of a batch where the source file says none. */
enum { SOURCE_BATCH_RECORDS = 10000, SOURCE_BATCH_BYTES = 4 << 20 };

struct source {
    const char *name; /* NAME */
    const char *client;
    const struct source_kind *kind;
    const char *identity; /* of a kind that is pulled: changes where a stored position would mean nothing any more */
    const struct entity *const *entities; /* in the set's order, NULL-terminated */
    size_t n_entities;
    const char *folder;  /* where files are dropped */
    const char *pattern; /* fnmatch(3): the names of the files that are meant */
    const char *done;    /* where a file is moved when it is loaded; NULL: it stays */
    struct format format;
    bool complete;                        /* a delivery contains everything: what is missing from it is gone, */
    double most_gone_percent;             /* unless that is more of the source's rows than this */
    long long batch_records, batch_bytes; /* a batch ends with the record that reaches either */
    struct schedule schedule;             /* of a file source: how often its folder is looked at */
    long long settle_ms;                  /* a file that has not changed for so long is complete */
    const void *settings;                 /* what only its kind knows */
};

/* The keys batchRecords and batchBytes of a source file; mistakes are told through cfg. */
void source_batch_size(const struct cfg *root, long long *records, long long *bytes);

struct source_set {
    struct source *list; /* by name */
    size_t n;
};

/* The keys that source files of every kind may have; each kind has more (source_kind.h). NULL-terminated. */
extern const char *const source_common_keys[];

/* Reads every *.json of settings->sources. All mistakes of all files are told, then whether two take the same
 * files. -1 after messages. */
int source_load_all(struct source_set *set, struct arena *a, const struct settings *settings,
                    const struct entity_set *entities) must_check;
/* Reads one file's text. -1 after messages. */
int source_parse(struct source *out, struct arena *a, const char *path, const char *text, size_t n,
                 const struct settings *settings, const struct entity_set *entities) must_check;

#endif
