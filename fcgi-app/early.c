#include "fcgi-app/early.h"

#include <poll.h>

void early_target(struct pg_target *t, const struct settings *s)
{
    pg_target_init(t, s->database, ROLE_READER, "oriel-fcgi " ORIEL_VERSION);
}

PGconn *early_connect(const struct settings *s)
{
    struct pg_target target;
    early_target(&target, s);
    PGconn *c = PQconnectStartParams(target.keywords, target.values, 1);
    struct pollfd socket = {.fd = PQsocket(c), .events = POLLOUT};
    /* a unix socket is connected at once: so the first packet can go, and the server begin */
    bool good = PQstatus(c) != CONNECTION_BAD && (poll(&socket, 1, 0) <= 0 || PQconnectPoll(c) != PGRES_POLLING_FAILED);
    if (good)
        return c;
    PQfinish(c);
    return NULL;
}

void early_let_go(PGconn **c)
{
    PQfinish(*c);
    *c = NULL;
}
