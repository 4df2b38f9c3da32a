#include "worker/raw_month.h"

#include <string.h>

#include "lib/log.h"

static const char doing_months[] = "making the months of raw";

int raw_months_make(struct session *s)
{
    PGresult *r = session_query(s, doing_months, "SELECT raw.make_months()", 0, NULL);
    if (!r)
        return -1;
    if (session_integer(r, 0, 0))
        log_info("%s months of raw were made", PQgetvalue(r, 0, 0));
    PQclear(r);
    return 0;
}

bool raw_month_is_missing(const struct failure *f)
{
    return strcmp(f->sqlstate, "23514") == 0;
}
