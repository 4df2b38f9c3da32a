/*
 * The "responder" section of oriel.json, and all that a master hands to its responders: what was read and checked once
 * is what they inherit, so that they cannot differ.
 */
#ifndef ORIEL_OPTIONS_H
#define ORIEL_OPTIONS_H

#include <libpq-fe.h>

#include "fcgi-app/token.h"
#include "lib/contract.h"
#include "lib/settings.h"

enum { MOST_RESPONDERS = 1024 };

struct options {
    int responders;     /* processes; each has one connection to Postgres */
    long long max_rows; /* of one answer; 0 for no maximum */
    int max_depth;      /* of and/or trees and of embeds in a URL */
    bool aggregates;    /* sums, counts and the like may be asked for; they read all rows, whatever the limit */
    int max_in_flight;  /* requests at Postgres per responder; beyond it 503 at once */
    size_t max_url;     /* bytes of path and query; beyond it 414 */
    int64_t statement_timeout_ms; /* Postgres gives a query up after it; 0 for never */
    int64_t stream_timeout_ms;    /* the same for one whose rows are on their way to the client already */
    int64_t drain_timeout_ms;     /* how long a responder that is to stop may finish its requests */
    int retry_after;              /* seconds, for the header of every 503 */
    long long exact_up_to;        /* rows that "count=estimated" counts before it takes the planner's estimate */
    const char *const *origins;   /* whose pages browsers may let read (cors.h); NULL-terminated */
    struct tokens tokens;         /* who may ask */
};

/* A whole configuration, checked. */
struct service {
    struct arena arena;
    struct settings settings;
    struct options options;
    struct contract_set lock; /* the contracts that were agreed on: what is served */
    PGconn *early; /* for the first responder (early.h); NULL for none, and once it has it. Not freed with it */
};

extern const char *const option_keys[]; /* that the section may have; NULL-terminated */

/* Reads one section, and the files of keys that it names; an absent one gives the defaults. What is read lives in a. -1
 * after messages. */
int options_read(struct options *o, struct arena *a, const struct cfg *section) must_check;

/* Reads oriel.json and the lock file it names; responders above 0 is used instead of what the file says. connects: a
 * connection is begun in between. NULL after messages. Free with service_free. */
struct service *service_load(const char *path, int responders, bool connects) must_check;
void service_free(struct service *s);

#endif
