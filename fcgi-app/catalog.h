/*
 * Which contracts of the lock file the database holds now. The lock file decides what is served and how it looks; the
 * catalog can only withhold: a contract that is broken there is answered by 503 until it holds again, and the others go
 * on.
 */
#ifndef ORIEL_CATALOG_H
#define ORIEL_CATALOG_H

#include "fcgi-app/options.h"
#include "fcgi-app/plan.h"

struct catalog {
    const struct contract_set *lock;
    bool *holds;           /* per contract: the last look found nothing that breaks it; true before the first */
    bool *leased;          /* per contract: this session holds its lease (lib/lease.h) */
    struct api api;        /* what plan_make() asks; every contract is served until a look says otherwise */
    const char **warnings; /* per contract: differences that somebody should acknowledge, NULL for none */
    struct arena *arena;   /* texts of the last look */
    struct contract_set found;
    struct arena definitions, sources; /* what the data versions are of */
    struct arena headers;              /* what answers tell of contracts' ends */
};

/* lock and options must outlive it. */
void catalog_init(struct catalog *c, const struct contract_set *lock, const struct options *options);
void catalog_release(struct catalog *c);

/* Compares the lock file with a result of contract_promises_sql. What changed since the last look is logged. 1 when a
 * contract does not hold that did so far, else 0; -1, after a message, when the result cannot be read: then all stays
 * as it was. */
int catalog_look(struct catalog *c, const PGresult *r) must_check;

/*
 * What a look leaves for later, since nobody's promise hangs on it: what contract_definitions_sql gave (a changed
 * definition is warned of, and makes other tags), and what data_sources_sql gave. A contract that has not both has no
 * data version (data_version.h); a failed result has none of them.
 */
void catalog_definitions(struct catalog *c, const PGresult *r);
void catalog_sources(struct catalog *c, const PGresult *r);

/*
 * Leases. A contract is served while it holds and its lease is held: so who would drop it sees that it is read, and a
 * responder that comes while it is being dropped does not begin to serve it.
 *
 * catalog_lease_sql takes the leases that are wanted and gives up those that are not; its two parameters come from
 * catalog_lease_params() (strings in a), which returns false when there is nothing to do. catalog_lease() reads the
 * result.
 */
extern const char catalog_lease_sql[];
bool catalog_lease_params(const struct catalog *c, struct arena *a, const char *params[2]);
void catalog_lease(struct catalog *c, const PGresult *r);
/* Is a lease held on a contract that does not hold? */
bool catalog_leased_too_much(const struct catalog *c);
/* The session is gone, and its leases with it; and no data version is known until definitions and sources are read
 * again. */
void catalog_session_lost(struct catalog *c);

#endif
