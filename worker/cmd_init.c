/*
 * oriel init: database, roles, schemas, bookkeeping. Run as a superuser; may be repeated, also after an upgrade.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "lib/text.h"
#include "worker/bookkeeping.h"
#include "worker/command.h"

/* One value of a connection string; "" when it has none. NULL after a message when the string cannot be read. */
static const char *conninfo_value(struct arena *a, const char *conninfo, const char *keyword)
{
    char *error = NULL;
    PQconninfoOption *options = PQconninfoParse(conninfo, &error);
    if (!options) {
        log_error("the connection string \"%s\" cannot be read: %s", conninfo, error ? error : "out of memory");
        PQfreemem(error);
        return NULL;
    }
    const char *value = "";
    for (PQconninfoOption *o = options; o->keyword; o++)
        if (strcmp(o->keyword, keyword) == 0 && o->val)
            value = arena_strdup(a, o->val);
    PQconninfoFree(options);
    return value;
}

static PGconn *connect_as_admin(const char *conninfo, const char *database)
{
    struct pg_target target;
    pg_target_init(&target, conninfo, NULL, "oriel init");
    if (database) { /* laid over the connection string */
        size_t n = 0;
        while (target.keywords[n])
            n++;
        target.keywords[n] = "dbname";
        target.values[n] = database;
    }
    return pg_connect(&target);
}

static int check_superuser(PGconn *c)
{
    PGresult *r =
        pg_query(c, "asking who I am",
                 "SELECT session_user FROM pg_catalog.pg_roles WHERE rolname = session_user AND rolsuper", 0, NULL);
    int found = r ? PQntuples(r) : -1;
    PQclear(r);
    if (found == 0)
        log_error("role \"%s\" is no superuser, so it cannot make roles and revoke what PUBLIC has. What to do: run "
                  "`oriel init --admin \"… user=postgres\"`, as the system's user postgres where peer is asked for",
                  PQuser(c));
    return found == 1 ? 0 : -1;
}

static int make_database(PGconn *c, const char *name)
{
    PGresult *r =
        pg_query(c, "looking for the database", "SELECT FROM pg_catalog.pg_database WHERE datname = $1", 1, &name);
    int found = r ? PQntuples(r) : -1;
    PQclear(r);
    if (found != 0)
        return found < 0 ? -1 : 0;
    char *quoted = PQescapeIdentifier(c, name, strlen(name));
    char sql[512];
    snprintf(sql, sizeof sql, "CREATE DATABASE %s TEMPLATE template0 ENCODING 'UTF8'", quoted ? quoted : "");
    PQfreemem(quoted);
    if (pg_run(c, "making the database", sql, 0, NULL) < 0)
        return -1;
    printf("made database %s\n", name);
    return 0;
}

/* The version that is there: 0 when there is none yet, -1 after a message. */
static int present_version(PGconn *c)
{
    int version = 0;
    PGresult *r = pg_query(c, "looking for the bookkeeping",
                           "SELECT pg_catalog.to_regclass('oriel.bookkeeping') IS NOT NULL", 0, NULL);
    if (!r)
        return -1;
    bool there = PQgetvalue(r, 0, 0)[0] == 't';
    PQclear(r);
    if (!there)
        return 0;
    r = pg_query(c, "reading the bookkeeping's version", "SELECT pg_catalog.max(version) FROM oriel.bookkeeping", 0,
                 NULL);
    if (!r)
        return -1;
    version = (int)strtol(PQgetvalue(r, 0, 0), NULL, 10);
    PQclear(r);
    return version;
}

static int apply_step(PGconn *c, const struct bookkeeping_step *step)
{
    char number[16];
    snprintf(number, sizeof number, "%d", step->version);
    const char *params[] = {number, "oriel " ORIEL_VERSION};
    if (pg_run(c, step->file, "BEGIN; SET LOCAL ROLE oriel_owner", 0, NULL) < 0 ||
        pg_run(c, step->file, step->sql, 0, NULL) < 0 ||
        pg_run(c, step->file, "INSERT INTO oriel.bookkeeping (version, program) VALUES ($1, $2)", 2, params) < 0 ||
        pg_run(c, step->file, "COMMIT", 0, NULL) < 0)
        return -1;
    printf("bookkeeping is at version %d\n", step->version);
    return 0;
}

static int apply_bookkeeping(PGconn *c)
{
    int present = present_version(c);
    if (present < 0)
        return -1;
    if (present > bookkeeping_version) {
        log_error("the database's bookkeeping is at version %d, this program (oriel " ORIEL_VERSION
                  ") knows version %d. "
                  "What to do: use the newer program",
                  present, bookkeeping_version);
        return -1;
    }
    for (int i = present; i < bookkeeping_version; i++)
        if (apply_step(c, &bookkeeping_steps[i]) < 0)
            return -1;
    if (present == bookkeeping_version)
        printf("bookkeeping was at version %d already\n", present);
    return 0;
}

static int set_up(PGconn *c)
{
    /* two at once would trip over each other's CREATE ROLE; the lock goes with the session */
    if (pg_run(c, "waiting for my turn", "SELECT pg_catalog.pg_advisory_lock(pg_catalog.hashtext('oriel init'))", 0,
               NULL) < 0 ||
        pg_run(c, "sql/roles.sql", "BEGIN", 0, NULL) < 0 ||
        pg_run(c, "sql/roles.sql", bookkeeping_roles, 0, NULL) < 0 || pg_run(c, "sql/roles.sql", "COMMIT", 0, NULL) < 0)
        return -1;
    printf("roles and rights are as they should be\n");
    return apply_bookkeeping(c);
}

enum { OPTION_ADMIN };
static const struct command_option options[] = {
    [OPTION_ADMIN] = {"admin", "CONNINFO", "connect as this superuser, to any database of the server", NULL},
    {NULL, NULL, NULL, NULL},
};

static int run(struct command_context *context, int argc, char **argv)
{
    (void)argc, (void)argv;
    const char *conninfo = context->settings.database, *admin = context->options[OPTION_ADMIN];
    const char *database = conninfo_value(&context->arena, conninfo, "dbname");
    if (!database || (admin && !conninfo_value(&context->arena, admin, "dbname")))
        return EXIT_USAGE;
    if (!*database)
        database = getenv("PGDATABASE") ? getenv("PGDATABASE") : "oriel";
    /* without --admin: the same server, by whoever libpq says we are */
    PGconn *c = connect_as_admin(admin ? admin : conninfo, admin ? NULL : "postgres");
    bool ok = c && check_superuser(c) == 0 && make_database(c, database) == 0;
    PQfinish(c);
    if (!ok)
        return EXIT_FAILED;
    c = connect_as_admin(admin ? admin : conninfo, database);
    ok = c && set_up(c) == 0;
    PQfinish(c);
    return ok ? EXIT_OK : EXIT_FAILED;
}

const struct command command_init = {
    .name = "init",
    .arguments = "",
    .summary = "make database, roles, schemas and bookkeeping, or bring them up to date",
    .options = options,
    .details = "Run it as a superuser of the database: once, and after each upgrade. It may be repeated.\n",
    .run = run,
};
