#include "lib/pg.h"

#include <string.h>

#include "lib/log.h"

void pg_target_init(struct pg_target *t, const char *conninfo, const char *role, const char *application_name)
{
    int n = 0;
    *t = (struct pg_target){0};
#define ADD(k, v) (t->keywords[n] = (k), t->values[n] = (v), n++)
    ADD("dbname", conninfo); /* expanded, since it holds "=" */
    if (role)
        ADD("user", role);
    ADD("application_name", application_name);
    ADD("client_encoding", "UTF8");
    ADD("connect_timeout", "10");
#undef ADD
}

void pg_log_notice(void *unused, const PGresult *r)
{
    (void)unused;
    const char *severity = PQresultErrorField(r, PG_DIAG_SEVERITY_NONLOCALIZED);
    if (severity && strcmp(severity, "WARNING") == 0)
        log_warn("Postgres: %s", PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY));
}

/* What a person can do about a refused connection, by what the server or libpq said. */
static const char *remedy(const char *message)
{
    static const struct {
        const char *says, *remedy;
    } table[] = {
        {"does not exist", "run `oriel init` once as a superuser of that server; it makes the roles and the database"},
        {"Connection refused",
         "start Postgres there, or correct \"database\" in oriel.json (PGHOST and PGPORT count too)"},
        {"No such file or directory",
         "start Postgres there, or correct \"database\" in oriel.json (PGHOST and PGPORT count too)"},
        {"could not translate host name", "correct the host in \"database\" in oriel.json, or in PGHOST"},
        {"password", "give the role's password in ~/.pgpass or PGPASSFILE"},
        {"authentication failed",
         "allow this role in pg_hba.conf (and pg_ident.conf for peer), or give its password in ~/.pgpass"},
        {"no pg_hba.conf entry", "allow this role to connect in pg_hba.conf"},
        {"permission denied for database", "run `oriel init` again as a superuser; it grants CONNECT"},
        {"starting up", "wait until Postgres has started"},
        {"shutting down", "wait until Postgres is back"},
        {"too many", "raise max_connections, or start fewer responders"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        if (strstr(message, table[i].says))
            return table[i].remedy;
    return "see what the server's log says";
}

void pg_tell_connect_failure(PGconn *c, const struct pg_target *t)
{
    const char *user = PQuser(c), *host = PQhost(c), *database = PQdb(c), *port = PQport(c);
    const char *message = PQerrorMessage(c);
    size_t n = strlen(message);
    while (n && message[n - 1] == '\n')
        n--;
    log_error("cannot connect to database \"%s\" on host \"%s\" port %s as role \"%s\": %.*s. What to do: %s",
              database && *database ? database : t->values[0], host && *host ? host : "(default)",
              port && *port ? port : "5432", user && *user ? user : "(default)", (int)n, message, remedy(message));
}

PGconn *pg_connect(const struct pg_target *t)
{
    PGconn *c = PQconnectdbParams(t->keywords, t->values, 1);
    if (c && PQstatus(c) == CONNECTION_OK) {
        PQsetNoticeReceiver(c, pg_log_notice, NULL);
        return c;
    }
    pg_tell_connect_failure(c, t);
    PQfinish(c);
    return NULL;
}

const char *pg_sqlstate(const PGresult *r)
{
    const char *state = r ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;
    return state ? state : "08006";
}

void pg_tell_failure(PGconn *c, const PGresult *r, const char *doing)
{
    const char *message = r ? PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    const char *detail = r ? PQresultErrorField(r, PG_DIAG_MESSAGE_DETAIL) : NULL;
    const char *hint = r ? PQresultErrorField(r, PG_DIAG_MESSAGE_HINT) : NULL;
    if (!message)
        message = PQerrorMessage(c);
    size_t n = strlen(message);
    while (n && message[n - 1] == '\n')
        n--;
    log_error("%s: %.*s (SQLSTATE %s)%s%s%s%s", doing, (int)n, message, pg_sqlstate(r), detail ? ". " : "",
              detail ? detail : "", hint ? ". Hint: " : "", hint ? hint : "");
}

PGresult *pg_query(PGconn *c, const char *doing, const char *sql, int n, const char *const *params)
{
    PGresult *r = PQexecParams(c, sql, n, NULL, params, NULL, NULL, 0);
    ExecStatusType status = PQresultStatus(r);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        return r;
    pg_tell_failure(c, r, doing);
    PQclear(r);
    return NULL;
}

int pg_run(PGconn *c, const char *doing, const char *sql, int n, const char *const *params)
{
    PGresult *r = n ? PQexecParams(c, sql, n, NULL, params, NULL, NULL, 0) : PQexec(c, sql);
    ExecStatusType status = PQresultStatus(r);
    bool ok = status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY;
    if (!ok)
        pg_tell_failure(c, r, doing);
    PQclear(r);
    return ok ? 0 : -1;
}
