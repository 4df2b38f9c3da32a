#include "worker/bookkeeping.h"

#include "lib/log.h"

#define EMBED(name, file)                                                                                              \
    __asm__(".section .rodata\n.global " #name "\n" #name ":\n.incbin \"" file "\"\n.byte 0\n.previous\n");            \
    extern const char name[]

EMBED(bookkeeping_roles, "sql/roles.sql");
EMBED(bookkeeping_0001, "sql/bookkeeping/0001-start.sql");
EMBED(bookkeeping_0002, "sql/bookkeeping/0002-sources.sql");
EMBED(bookkeeping_0003, "sql/bookkeeping/0003-replay.sql");
EMBED(bookkeeping_0004, "sql/bookkeeping/0004-complete.sql");
EMBED(bookkeeping_0005, "sql/bookkeeping/0005-data-version.sql");
EMBED(bookkeeping_0006, "sql/bookkeeping/0006-months.sql");
EMBED(bookkeeping_0007, "sql/bookkeeping/0007-fields.sql");
EMBED(bookkeeping_0008, "sql/bookkeeping/0008-watch.sql");
EMBED(bookkeeping_0009, "sql/bookkeeping/0009-parked-own.sql");

const struct bookkeeping_step bookkeeping_steps[] = {
    {1, "sql/bookkeeping/0001-start.sql", bookkeeping_0001},
    {2, "sql/bookkeeping/0002-sources.sql", bookkeeping_0002},
    {3, "sql/bookkeeping/0003-replay.sql", bookkeeping_0003},
    {4, "sql/bookkeeping/0004-complete.sql", bookkeeping_0004},
    {5, "sql/bookkeeping/0005-data-version.sql", bookkeeping_0005},
    {6, "sql/bookkeeping/0006-months.sql", bookkeeping_0006},
    {7, "sql/bookkeeping/0007-fields.sql", bookkeeping_0007},
    {8, "sql/bookkeeping/0008-watch.sql", bookkeeping_0008},
    {9, "sql/bookkeeping/0009-parked-own.sql", bookkeeping_0009},
};
const int bookkeeping_version = ARRAY_SIZE(bookkeeping_steps);

static const char doing[] = "reading the bookkeeping's version";
static const char version_sql[] = "SELECT COALESCE(pg_catalog.max(version), 0) FROM oriel.bookkeeping";

/* 0 when there is none, or none that this role may read; -1 after a message. */
static int read_version(PGconn *c)
{
    PGresult *r = PQexec(c, version_sql);
    const char *state = pg_sqlstate(r);
    int version = 0;
    if (PQresultStatus(r) == PGRES_TUPLES_OK)
        version = (int)strtol(PQgetvalue(r, 0, 0), NULL, 10);
    else if (strncmp(state, "42", 2) != 0 && strncmp(state, "3F", 2) != 0) { /* no such table, or no rights in it */
        pg_tell_failure(c, r, doing);
        version = -1;
    }
    PQclear(r);
    return version;
}

/* what: the rest of the sentence. */
static void tell(PGconn *c, const char *what)
{
    const char *host = PQhost(c);
    log_error("database \"%s\" on host \"%s\", as role \"%s\": %s", PQdb(c), host && *host ? host : "(default)",
              PQuser(c), what);
}

enum bookkeeping_state bookkeeping_check(PGconn *c)
{
    char what[256];
    int present = read_version(c);
    if (present < 0)
        return BOOKKEEPING_UNKNOWN;
    if (present == bookkeeping_version)
        return BOOKKEEPING_FITS;
    if (!present)
        snprintf(what, sizeof what,
                 "there is no bookkeeping of Oriel that this role can read. What to do: run `oriel init`, or correct "
                 "\"database\" in oriel.json");
    else if (present < bookkeeping_version)
        snprintf(what, sizeof what,
                 "the bookkeeping is of version %d and this program (oriel " ORIEL_VERSION
                 ") needs %d. What to do: run `oriel init`",
                 present, bookkeeping_version);
    else
        snprintf(what, sizeof what,
                 "the bookkeeping is of version %d and this program (oriel " ORIEL_VERSION
                 ") knows no more than %d. What to do: use the newer program",
                 present, bookkeeping_version);
    tell(c, what);
    return BOOKKEEPING_OTHER;
}
