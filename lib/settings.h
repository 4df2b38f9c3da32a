/*
 * oriel.json: where a domain's parts are found. Both programs read it; neither knows any table, view or entity by name,
 * so another domain is another folder, not another program.
 */
#ifndef ORIEL_SETTINGS_H
#define ORIEL_SETTINGS_H

#include "lib/cfg.h"

/* Fixed names of the house: what a database is cut into and who may enter. */
#define ROLE_OWNER  "oriel_owner" /* owns everything, cannot log in */
#define ROLE_WRITER "oriel_dp"    /* the worker; member of the owner */
#define ROLE_READER "oriel_ds"    /* the responders; sees SCHEMA_API only */
#define SCHEMA_API  "api"

struct settings {
    const char *path;            /* of the file itself */
    const char *database;        /* libpq connection string without a user, e.g. "host=/run/postgresql dbname=oriel" */
    const char *changes;         /* folder of changes */
    const char *lock;            /* the lock file, contract.json */
    const char *rollback;        /* lock file of the release that one would roll back to; NULL when not given */
    const char *entities;        /* folder of entity files */
    const char *sources;         /* folder of source files */
    const char *drop;            /* folder that sources' own folders are relative to */
    long long retention_days;    /* so long raw is kept, at least; 0: for ever */
    const char *const *standbys; /* connection strings of the hot standbys that responders read from; NULL-terminated */
    const char *metrics;         /* URL of the responders' /metrics; NULL when not given */
    long long max_lag;           /* bytes of WAL that a standby may have left to replay while a fill goes on */
    const struct cfg *responder; /* a section that its own program reads; an absent one has no value */
};

extern const char *const settings_keys[];        /* that oriel.json may have; NULL-terminated */
extern const char *const settings_worker_keys[]; /* that its section worker may have */
#define SETTINGS_MAX_LAG "64MB"                  /* where the section does not say */

/* Where the file is when no option says so: $ORIEL_CONFIG, ./oriel.json, /etc/oriel/oriel.json. */
const char *settings_find(void);
/* Reads the file; paths in it are relative to its folder. Everything lives in a. -1 after messages. */
int settings_load(struct settings *s, struct arena *a, const char *path) must_check;

#endif
