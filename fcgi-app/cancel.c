#include "fcgi-app/cancel.h"

#include <pthread.h>
#include <stdatomic.h>

#include "lib/log.h"

enum { MOST_AT_ONCE = 4 };

static atomic_int under_way;

static void *run(void *context)
{
    PGcancel *cancel = context;
    char error[256];
    if (!PQcancel(cancel, error, sizeof error))
        log_warn("cancelling a query that nobody waits for: %s", error);
    PQfreeCancel(cancel);
    atomic_fetch_sub(&under_way, 1);
    return NULL;
}

/* The loop's signals are blocked when this is called, so the thread is born with all of them blocked. */
bool cancel_running(PGconn *c)
{
    pthread_t thread;
    if (atomic_fetch_add(&under_way, 1) >= MOST_AT_ONCE) {
        atomic_fetch_sub(&under_way, 1);
        return false;
    }
    PGcancel *cancel = PQgetCancel(c);
    if (cancel && pthread_create(&thread, NULL, run, cancel) == 0) {
        pthread_detach(thread);
        return true;
    }
    PQfreeCancel(cancel);
    atomic_fetch_sub(&under_way, 1);
    return false;
}
