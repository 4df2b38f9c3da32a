#include "worker/reader_lease.h"

#include "lib/lease.h"
#include "lib/log.h"
#include "lib/settings.h"

/* objsubid 2 marks locks named by two integers. A view is asked for by its hash, not by its row in the catalog: the
 * transaction that asks may just have dropped it. */
static const char leases_sql[] =
    "SELECT COALESCE($1::text, v.relname, '(unknown)'), a.application_name, COALESCE(a.client_addr::text, 'local'),"
    "       pg_catalog.to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SS'), a.pid"
    "  FROM pg_catalog.pg_locks l"
    "  JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid"
    "  LEFT JOIN (SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    "              WHERE n.nspname = '" SCHEMA_API "' AND c.relkind = 'v') v"
    "    ON pg_catalog.hashtext(v.relname::text) = l.objid::bigint::bit(32)::integer"
    " WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.mode = 'ShareLock' AND l.granted"
    "   AND l.classid = " LEASE_CLASS " AND l.database = (SELECT oid FROM pg_catalog.pg_database"
    "                                                      WHERE datname = pg_catalog.current_database())"
    "   AND ($1::text IS NULL OR pg_catalog.hashtext($1) = l.objid::bigint::bit(32)::integer)"
    " ORDER BY 1, 2, 5";

static const char doing[] = "reading the leases";

/* Who reads from where, and since when, is shown to the role that logged in, not to the owner that a change is run as.
 */
static PGresult *ask_as_ourselves(PGconn *c, const char *view)
{
    if (PQtransactionStatus(c) != PQTRANS_INTRANS)
        return pg_query(c, doing, leases_sql, 1, &view);
    if (pg_run(c, doing, "SAVEPOINT leases; SET LOCAL ROLE NONE", 0, NULL) < 0)
        return NULL;
    PGresult *r = pg_query(c, doing, leases_sql, 1, &view);
    if (pg_run(c, doing, "ROLLBACK TO leases; RELEASE leases", 0, NULL) == 0) /* and with it the role */
        return r;
    PQclear(r);
    return NULL;
}

/* at: where the server is, for people; "" for the one that is written to. */
static void append(struct reader_leases *leases, struct arena *a, const PGresult *r, const char *at)
{
    size_t n = (size_t)PQntuples(r);
    struct reader_lease *list = arena_array(a, leases->n + n, sizeof *list);
    if (leases->n)
        memcpy(list, leases->list, leases->n * sizeof *list);
    for (size_t i = 0; i < n; i++)
        list[leases->n + i] = (struct reader_lease){
            .view = arena_strdup(a, PQgetvalue(r, (int)i, 0)),
            .application = arena_strdup(a, PQgetvalue(r, (int)i, 1)),
            .address = arena_printf(a, "%s%s", PQgetvalue(r, (int)i, 2), at),
            .since = arena_strdup(a, PQgetvalue(r, (int)i, 3)),
            .pid = arena_strdup(a, PQgetvalue(r, (int)i, 4)),
        };
    *leases = (struct reader_leases){.list = list, .n = leases->n + n};
}

int reader_leases_read(struct reader_leases *leases, struct arena *a, PGconn *c, const char *view)
{
    *leases = (struct reader_leases){0};
    PGresult *r = ask_as_ourselves(c, view);
    if (!r)
        return -1;
    append(leases, a, r, "");
    PQclear(r);
    return 0;
}

static int read_standby(struct reader_leases *leases, struct arena *a, const char *conninfo)
{
    struct pg_target target;
    pg_target_init(&target, conninfo, ROLE_WRITER, "oriel " ORIEL_VERSION);
    PGconn *c = pg_connect(&target);
    PGresult *r = c ? ask_as_ourselves(c, NULL) : NULL;
    if (r)
        append(leases, a, r, arena_printf(a, " at standby %s", PQhost(c)));
    PQclear(r);
    PQfinish(c);
    return r ? 0 : -1;
}

static int warn_of_others(PGconn *c, size_t named)
{
    PGresult *r = pg_query(c, "asking who replicates",
                           "SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_replication"
                           " WHERE application_name NOT IN ('pg_basebackup', 'pg_receivewal')",
                           0, NULL);
    if (!r)
        return -1;
    if (strtoull(PQgetvalue(r, 0, 0), NULL, 10) > named)
        log_warn(
            "%s servers replicate from this one, and \"standbys\" in oriel.json names %zu: who reads at the others "
            "is not seen. What to do: name each that responders may read from",
            PQgetvalue(r, 0, 0), named);
    PQclear(r);
    return 0;
}

int reader_leases_read_standbys(struct reader_leases *leases, struct arena *a, PGconn *c, const char *const *standbys)
{
    size_t n = 0;
    int result = 0;
    *leases = (struct reader_leases){0};
    for (; standbys[n]; n++)
        if (read_standby(leases, a, standbys[n]) < 0)
            result = -1;
    return warn_of_others(c, n) < 0 ? -1 : result;
}
