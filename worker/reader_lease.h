/*
 * Who reads what: the leases that responders hold.
 */
#ifndef ORIEL_READER_LEASE_H
#define ORIEL_READER_LEASE_H

#include "lib/mem.h"
#include "lib/pg.h"

struct reader_lease {
    const char *view;        /* "v_products_v1"; "(unknown)" for a lease on a view that is gone */
    const char *application; /* application_name */
    const char *address;     /* of the client, "local" for a unix socket; behind it, at which standby */
    const char *since;       /* when its session began */
    const char *pid;         /* of the server process */
};

struct reader_leases {
    struct reader_lease *list; /* by view, then application */
    size_t n;
};

/* All leases at this server; or, with a view, those on it. */
int reader_leases_read(struct reader_leases *leases, struct arena *a, PGconn *c, const char *view) must_check;
/*
 * All leases at hot standbys, which no other server knows of: at those that the list of connection strings names
 * (NULL-terminated). -1 after a message when one cannot be asked. Warns when more servers replicate from c than that.
 */
int reader_leases_read_standbys(struct reader_leases *leases, struct arena *a, PGconn *c,
                                const char *const *standbys) must_check;

#endif
