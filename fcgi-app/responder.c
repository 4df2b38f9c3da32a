#include "fcgi-app/responder.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "fcgi-app/clock.h"
#include "fcgi-app/listener.h"
#include "fcgi-app/serve.h"
#include "lib/log.h"

enum {
    EVENTS_PER_WAIT = 64,
    SHED_AFTER = 50,   /* ms for which a statement runs before the requests behind it had better go elsewhere */
    SHED_LOOK = 50,    /* ms between looks at the others, while this one takes nothing */
    CLOSE_EVERY = 5,   /* ms between two kept connections that a responder closes when it ends */
    MOST_WAITING = 256 /* connections without a request under way; beyond it the oldest goes */
};

/* Why the loop ends, and what it promises then. */
enum stop {
    STOP_NOT,   /* it goes on */
    STOP_DRAIN, /* SIGTERM from the master, or from the kernel when the master is gone: takes no new connection, answers
                   every request that has come or is on its way, at most for the drain timeout */
};

struct responder {
    const struct service *service;
    int epoll, ready_fd;
    enum stop stop;
    int64_t stop_at;  /* when draining ends */
    int64_t close_at; /* when draining closes the next connection that is kept */
    bool shed;        /* it takes nothing: others do, until the statement that runs is done */
    struct listener listener;
    struct server server;
};

static volatile sig_atomic_t told_to_drain;

static void on_term(int unused)
{
    (void)unused;
    told_to_drain = 1;
}

static void on_nothing(int unused)
{
    (void)unused;
}

static void set_signals(void)
{
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_term}, NULL);
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = on_nothing}, NULL); /* the write itself fails too */
    sigaction(SIGUSR1, &(struct sigaction){.sa_handler = on_nothing}, NULL);
    sigaction(SIGHUP, &(struct sigaction){.sa_handler = SIG_IGN}, NULL); /* a terminal sends these two to all */
    sigaction(SIGINT, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
}

/* --- connections --- */

static int n_waiting(const struct connections *all)
{
    return all->n[CONNECTION_FRESH] + all->n[CONNECTION_IDLE];
}

/* Takes one connection; false when none can be taken now. Closing one that nginx keeps idle is safe: it asks again on
 * another. */
static bool accept_one(struct responder *r)
{
    struct connections *all = &r->server.connections;
    int fd = listener_accept(&r->listener);
    if (fd < 0)
        return false;
    if (n_waiting(all) >= MOST_WAITING)
        connection_close(all, all->oldest[all->n[CONNECTION_IDLE] ? CONNECTION_IDLE : CONNECTION_FRESH]);
    return connection_open(all, fd) != NULL;
}

/* --- the loop --- */

static void tell_ready(struct responder *r)
{
    if (write(r->ready_fd, "", 1) < 0 && errno != EPIPE)
        log_errno("cannot tell the master that this responder is ready");
    close(r->ready_fd);
    r->ready_fd = -1;
}

/* Takes requests as soon as they can be answered, or once it is known that the database is away. Returns when it must
 * be called again. */
static int64_t listen_when_due(struct responder *r)
{
    if (r->stop || r->shed || !database_tried(r->server.database))
        return INT64_MAX;
    int64_t due = listener_turn(&r->listener);
    if (r->ready_fd >= 0)
        tell_ready(r);
    return due;
}

static void tell_open(struct responder *r)
{
    bool open = !r->stop && !r->shed && r->ready_fd < 0 && database_is_ready(r->server.database);
    board_tell(r->server.seat, BOARD_OPEN, open);
}

/*
 * While it drains, a responder closes what nginx keeps for a next request one by one, but not what has a request on its
 * way. Closed all at once they would meet a request that nginx tries on one after the other, and each counts as a try
 * (fastcgi_next_upstream_tries). Returns when it must be called again.
 */
static int64_t close_when_due(struct responder *r)
{
    struct connections *all = &r->server.connections;
    int64_t now = clock_ms();
    if (r->stop != STOP_DRAIN)
        return INT64_MAX;
    if (now < r->close_at)
        return r->close_at;
    struct connection *c = all->oldest[CONNECTION_IDLE];
    while (c && web_has_input(c->web))
        c = c->newer;
    if (!c)
        return INT64_MAX;
    connection_close(all, c);
    return r->close_at = now + CLOSE_EVERY;
}

/* What the kernel has queued for this process by now is taken, because the kernel woke nobody else for it. */
static void start_draining(struct responder *r)
{
    r->stop = STOP_DRAIN;
    tell_open(r);
    r->stop_at = clock_ms() + r->service->options.drain_timeout_ms;
    r->server.closing = true;
    listener_off(&r->listener);
    while (accept_one(r))
        ;
}

static void set_shed(struct responder *r, bool shed)
{
    r->shed = r->server.closing = shed;
    tell_open(r);
}

/*
 * A statement that runs long holds up all that come behind it. So, while it does, this responder takes nothing, closes
 * what it keeps and hands back what waits, and the others take it all; but never the last that is open. Two that close
 * at the same moment each see that nobody is left, and open again.
 */
static void start_shedding(struct responder *r)
{
    struct server *s = &r->server;
    if (!board_others_open(s->board, s->seat))
        return;
    set_shed(r, true);
    if (!board_others_open(s->board, s->seat)) {
        set_shed(r, false);
        return;
    }
    board_count(s->board, BOARD_SHED);
    listener_off(&r->listener);
    while (accept_one(r)) /* what the kernel woke this process for, it wakes no other for */
        ;
    server_hand_back(s);
}

/* Returns when it must be called again. */
static int64_t shed_when_due(struct responder *r)
{
    struct server *s = &r->server;
    int64_t since = database_runs_since(s->database), now = clock_ms();
    if (r->stop)
        return INT64_MAX;
    bool is_long = since != INT64_MAX && now - since >= SHED_AFTER;
    if (r->shed && (!is_long || !board_others_open(s->board, s->seat)))
        set_shed(r, false);
    else if (!r->shed && is_long)
        start_shedding(r);
    else if (r->shed)
        server_hand_back(s); /* what has come since, on connections that were open */
    tell_open(r);
    if (is_long)
        return now + SHED_LOOK;
    return since == INT64_MAX ? INT64_MAX : since + SHED_AFTER;
}

static bool finished(const struct responder *r)
{
    const int *n = r->server.connections.n;
    if (!r->stop)
        return false;
    return (!n_waiting(&r->server.connections) && !n[CONNECTION_SENDING] && !r->server.exchanges.n) ||
           clock_ms() >= r->stop_at;
}

/* Connections first, since what they bring may be sent to Postgres at once; new ones last, so that no event in hand is
 * of a connection that was replaced. */
static void handle(struct responder *r, const struct epoll_event *events, int n)
{
    bool from_database = false, from_listener = false;
    for (int i = 0; i < n; i++) {
        if (events[i].data.ptr == &r->listener)
            from_listener = true;
        else if (events[i].data.ptr == &r->server)
            from_database = true;
        else
            server_event(&r->server, events[i].data.ptr, events[i].events);
    }
    if (from_database)
        database_event(r->server.database);
    if (from_listener)
        accept_one(r);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int loop(struct responder *r)
{
    struct epoll_event events[EVENTS_PER_WAIT];
    sigset_t open;
    sigemptyset(&open);
    for (;;) {
        int64_t due = earlier(server_turn(&r->server), database_turn(r->server.database));
        due = earlier(due, shed_when_due(r)); /* after the database, whose statement may have changed */
        due = earlier(due, listen_when_due(r));
        due = earlier(due, close_when_due(r));
        if (r->stop)
            due = earlier(due, r->stop_at);
        if (finished(r))
            return EXIT_OK;
        int n = epoll_pwait(r->epoll, events, EVENTS_PER_WAIT, clock_until(due, clock_ms()), &open);
        if (n < 0 && errno != EINTR) {
            log_errno("cannot wait for events");
            return EXIT_FAILED;
        }
        if (n > 0)
            handle(r, events, n);
        if (told_to_drain && !r->stop)
            start_draining(r);
    }
}

int responder_run(const struct service *service, struct board *board, struct board_seat *seat, int ready_fd)
{
    struct responder r = {.service = service, .ready_fd = ready_fd};
    set_signals();
    r.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (r.epoll < 0) {
        log_errno("cannot start a responder");
        return EXIT_FAILED;
    }
    if (web_init() < 0)
        return EXIT_FAILED;
    listener_init(&r.listener, r.epoll, &r.listener);
    srandom((unsigned)getpid());
    server_init(&r.server, service, board, seat, r.epoll, &r.server);
    int code = loop(&r);
    server_release(&r.server);
    close(r.epoll);
    return code;
}
