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
    const char *address;     /* of the client; "local" for a unix socket */
    const char *since;       /* when its session began */
    const char *pid;         /* of the server process */
};

struct reader_leases {
    struct reader_lease *list; /* by view, then application */
    size_t n;
};

/* All leases in this database; or, with a view, those on it. */
int reader_leases_read(struct reader_leases *leases, struct arena *a, PGconn *c, const char *view) must_check;

#endif
