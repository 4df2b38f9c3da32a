/*
 * The only file that knows libfcgi. What is known of it and guarded against here:
 *
 * - Its own accept is never used, because it polls a new connection and may spin there; a request object gets an
 * invalid listening socket, so a read that finds the end of file fails instead of going on to accept.
 * - It installs handlers for SIGPIPE, SIGUSR1 and SIGTERM unless there are some: ours are there first.
 * - It does not try again a write that a signal broke off: signals are only open while the loop waits.
 * - It reads the next request from where the last one ended: a connection on which something was left unread, such as a
 *   body, is closed, since its bytes would be taken for a request.
 */
#include "fcgi-app/responder.h"

#include <errno.h>
#include <fcgiapp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "fcgi-app/answer.h"
#include "fcgi-app/catalog.h"
#include "fcgi-app/clock.h"
#include "fcgi-app/database.h"
#include "fcgi-app/listener.h"
#include "fcgi-app/request.h"
#include "lib/log.h"
#include "lib/pg.h"

enum {
    EVENTS_PER_WAIT = 64,
    LARGEST_BODY = 64 << 20, /* bytes of one answer */
    MOST_WAITING = 256       /* connections without a request at Postgres; beyond it the oldest goes */
};

/* Why the loop ends, and what it promises then. */
enum stop {
    STOP_NOT,   /* it goes on */
    STOP_DRAIN, /* SIGTERM from the master, or from the kernel when the master is gone: takes no new connection, answers
                   every request that has come or is on its way, at most for the drain timeout */
};

enum connection_state {
    CONNECTION_UNUSED,
    CONNECTION_FRESH,    /* accepted; its first request has not come */
    CONNECTION_IDLE,     /* kept by nginx between requests */
    CONNECTION_BUSY,     /* its request is at Postgres */
    CONNECTION_ABANDONED /* as BUSY, but nginx has gone and the descriptor is closed */
};

struct connection {
    FCGX_Request fcgi;
    enum connection_state state;
    bool last; /* close it after the answer */
    struct responder *responder;
    struct connection *older, *newer; /* among the FRESH and IDLE; older also in the list of the UNUSED */
    struct arena arena;               /* of the request */
    struct plan plan;
    struct task task;
    struct task_setting settings[2]; /* the task's, as many as it has */
    int64_t begun_us;                /* when the request was read; clock_us() */
    int64_t asked_us;                /* when it went to Postgres */
    int64_t database_us;             /* how long it was there; -1 when it was not */
};

struct responder {
    const struct service *service;
    int epoll, ready_fd;
    enum stop stop;
    int64_t stop_at; /* when draining ends */
    struct listener listener;
    struct catalog catalog;
    struct database *database;
    struct answer answer;
    struct connection *unused;          /* pool */
    struct connection *oldest, *newest; /* FRESH and IDLE, by the time they became so */
    int n_waiting, n_busy;              /* FRESH or IDLE; BUSY or ABANDONED */
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

/* --- connections and their list --- */

static void wait_list_add(struct responder *r, struct connection *c, enum connection_state state)
{
    c->state = state;
    c->older = r->newest;
    c->newer = NULL;
    *(r->newest ? &r->newest->newer : &r->oldest) = c;
    r->newest = c;
    r->n_waiting++;
}

static void wait_list_remove(struct responder *r, struct connection *c)
{
    *(c->older ? &c->older->newer : &r->oldest) = c->newer;
    *(c->newer ? &c->newer->older : &r->newest) = c->older;
    r->n_waiting--;
}

static struct connection *new_connection(struct responder *r, int fd)
{
    struct connection *c = r->unused;
    if (c)
        r->unused = c->older;
    else {
        c = mem_alloc(sizeof *c);
        arena_init(&c->arena);
        c->responder = r;
    }
    FCGX_InitRequest(&c->fcgi, -1, 0);
    c->fcgi.ipcFd = fd;
    c->fcgi.keepConnection = 1; /* or the first FCGX_Accept_r would close it, as what a request before left */
    c->last = false;
    return c;
}

/* The descriptor is closed and the connection in no list: the struct may be used again. */
static void recycle(struct responder *r, struct connection *c)
{
    FCGX_Free(&c->fcgi, 0);
    arena_reset(&c->arena);
    c->state = CONNECTION_UNUSED;
    c->older = r->unused;
    r->unused = c;
}

/* Closes at once, where libfcgi would write and then wait for the other side to close. The request stays readable. */
static void close_descriptor(struct connection *c)
{
    close(c->fcgi.ipcFd); /* which takes it out of epoll as well */
    c->fcgi.ipcFd = -1;
}

static void close_waiting(struct responder *r, struct connection *c)
{
    wait_list_remove(r, c);
    close_descriptor(c);
    recycle(r, c);
}

/* --- a request --- */

/*
 * Sends r->answer. Afterwards the connection waits for its next request, or is closed: at once where all input was
 * read; otherwise by libfcgi, which waits a little, since closing with input unread may take the answer back.
 */
static void send_answer(struct responder *r, struct connection *c)
{
    bool keep = c->fcgi.keepConnection && !c->last && !r->stop;
    answer_timing(&r->answer, c->database_us, clock_us() - c->begun_us);
    FCGX_PutStr(r->answer.head.data, (int)r->answer.head.len, c->fcgi.out);
    if (r->answer.body.len)
        FCGX_PutStr(r->answer.body.data, (int)r->answer.body.len, c->fcgi.out);
    c->fcgi.keepConnection = !c->last;
    FCGX_Finish_r(&c->fcgi);
    if (c->fcgi.ipcFd >= 0 && !keep)
        close_descriptor(c);
    if (c->fcgi.ipcFd < 0) { /* or by libfcgi, when writing failed */
        recycle(r, c);
        return;
    }
    arena_reset(&c->arena);
    wait_list_add(r, c, CONNECTION_IDLE);
}

static void log_failure(const struct connection *c, const PGresult *result, int status)
{
    const struct contract *contract = c->plan.contract;
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    /* below 500 it is the client's doing, and told to the client; without a message the connection broke, which
       database.c tells */
    if (status >= 500 && message)
        log_warn("%d for a request to %s@%d: %s (SQLSTATE %s)", status, contract->entity, contract->version, message,
                 pg_sqlstate(result));
}

static void task_done(struct task *t, const PGresult *result)
{
    struct connection *c = t->owner;
    struct responder *r = c->responder;
    r->n_busy--;
    c->database_us = clock_us() - c->asked_us;
    if (c->state == CONNECTION_ABANDONED) {
        recycle(r, c);
        return;
    }
    if (!result)
        answer_trouble(&r->answer, &c->plan, TROUBLE_NO_DATABASE);
    else if (PQresultStatus(result) == PGRES_TUPLES_OK)
        answer_rows(&r->answer, &c->plan, result, t->estimate);
    else {
        answer_failure(&r->answer, &c->plan, result);
        log_failure(c, result, r->answer.status);
    }
    send_answer(r, c);
}

/* -1, with r->answer filled in, when the statement cannot be sent now. */
static int ask_database(struct responder *r, struct connection *c)
{
    const struct plan *p = &c->plan;
    enum answer_trouble trouble = TROUBLE_BUSY;
    if (r->n_busy < r->service->options.max_in_flight) {
        size_t n_settings = 0;
        if (p->claims) /* without a token too, as "": what nobody set, nobody has left over */
            c->settings[n_settings++] = (struct task_setting){"request.jwt.claims", p->claims};
        if (p->time_zone)
            c->settings[n_settings++] = (struct task_setting){"TimeZone", p->time_zone};
        c->task = (struct task){
            .sql = p->sql,
            .n_params = p->n_params,
            .params = (const char *const *)p->params,
            .keep_prepared = true,
            .settings = c->settings,
            .n_settings = n_settings,
            .estimate_sql = p->estimate_sql,
            .n_estimate_params = p->n_estimate_params,
            .done = task_done,
            .owner = c,
        };
        c->asked_us = clock_us();
        if (database_send(r->database, &c->task) == 0)
            return 0;
        trouble = TROUBLE_NO_DATABASE;
    }
    answer_trouble(&r->answer, p, trouble);
    return -1;
}

/*
 * Reads the end of the request's input, so that the next request begins where libfcgi looks for it; true when there is
 * a body instead, announced or not.
 */
static bool has_body(struct connection *c)
{
    return FCGX_GetChar(c->fcgi.in) != EOF;
}

static void serve(struct responder *r, struct connection *c)
{
    struct request request;
    size_t url_length;
    c->begun_us = clock_us();
    c->database_us = -1;
    request_read(&request, &c->arena, c->fcgi.envp, &url_length);
    request.now = time(NULL);
    if (!request.has_body)
        request.has_body = has_body(c);
    c->last = c->last || request.has_body;
    if (url_length > r->service->options.max_url) {
        c->plan = (struct plan){.head = strcmp(request.method, "HEAD") == 0};
        cors_decide(&c->plan.cors, &c->arena, r->catalog.api.origins, &request);
        answer_trouble(&r->answer, &c->plan, TROUBLE_URL_TOO_LONG);
        send_answer(r, c);
        return;
    }
    c->plan = (struct plan){0};
    plan_make(&c->plan, &c->arena, &r->catalog.api, &request);
    if (c->plan.kind != PLAN_ROWS)
        answer_plan(&r->answer, &c->plan);
    else if (ask_database(r, c) == 0) {
        c->state = CONNECTION_BUSY;
        r->n_busy++;
        return;
    }
    send_answer(r, c);
}

/* --- events of a connection --- */

/* Its request is at Postgres, and yet there is something. Watched on, it would wake the loop again and again. */
static void disturb_busy(struct responder *r, struct connection *c, uint32_t events)
{
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        close_descriptor(c);
        c->state = CONNECTION_ABANDONED;
        database_abandon(r->database, &c->task);
        return;
    }
    c->last = true; /* nginx waits for an answer before it asks again; whoever does not is not served further */
    epoll_ctl(r->epoll, EPOLL_CTL_DEL, c->fcgi.ipcFd, NULL);
}

static void connection_event(struct responder *r, struct connection *c, uint32_t events)
{
    if (c->state == CONNECTION_BUSY) {
        disturb_busy(r, c, events);
        return;
    }
    if (c->state != CONNECTION_FRESH && c->state != CONNECTION_IDLE)
        return; /* closed by an event before this one */
    if (!(events & EPOLLIN) || (events & EPOLLHUP)) {
        close_waiting(r, c);
        return;
    }
    wait_list_remove(r, c);
    /* a request that breaks off among its parameters is accepted all the same, and only its stream knows */
    if (FCGX_Accept_r(&c->fcgi) == 0 && FCGX_GetError(c->fcgi.in) == 0) {
        serve(r, c);
        return;
    }
    if (c->fcgi.ipcFd >= 0)
        close_descriptor(c);
    recycle(r, c);
}

/* --- new connections --- */

/* Takes one connection; false when none can be taken now. Closing one that nginx keeps idle is safe: it asks again on
 * another. */
static bool accept_one(struct responder *r)
{
    int fd = listener_accept(&r->listener);
    if (fd < 0)
        return false;
    if (r->n_waiting >= MOST_WAITING)
        close_waiting(r, r->oldest);
    struct connection *c = new_connection(r, fd);
    struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = c};
    if (epoll_ctl(r->epoll, EPOLL_CTL_ADD, fd, &e) < 0) {
        log_errno("cannot watch a connection");
        close_descriptor(c);
        recycle(r, c);
        return false;
    }
    wait_list_add(r, c, CONNECTION_FRESH);
    return true;
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
    if (r->stop || !database_tried(r->database))
        return INT64_MAX;
    int64_t due = listener_turn(&r->listener);
    if (r->ready_fd >= 0)
        tell_ready(r);
    return due;
}

static bool has_input(const struct connection *c)
{
    char byte;
    return recv(c->fcgi.ipcFd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/*
 * What the kernel has queued for this process by now is taken, because the kernel woke nobody else for it. Then idle
 * connections go, but not those with a request on its way.
 */
static void start_draining(struct responder *r)
{
    r->stop = STOP_DRAIN;
    r->stop_at = clock_ms() + r->service->options.drain_timeout_ms;
    listener_off(&r->listener);
    while (accept_one(r))
        ;
    for (struct connection *c = r->oldest, *next; c; c = next) {
        next = c->newer;
        if (c->state == CONNECTION_IDLE && !has_input(c))
            close_waiting(r, c);
    }
}

static bool finished(const struct responder *r)
{
    return r->stop && ((!r->oldest && !r->n_busy) || clock_ms() >= r->stop_at);
}

/* Connections first, since what they bring may be sent to Postgres at once; new ones last, so that no event in hand is
 * of a connection that was replaced. */
static void handle(struct responder *r, const struct epoll_event *events, int n)
{
    bool from_database = false, from_listener = false;
    for (int i = 0; i < n; i++) {
        if (events[i].data.ptr == &r->listener)
            from_listener = true;
        else if (events[i].data.ptr == &r->database)
            from_database = true;
        else
            connection_event(r, events[i].data.ptr, events[i].events);
    }
    if (from_database)
        database_event(r->database);
    if (from_listener)
        accept_one(r);
}

static int loop(struct responder *r)
{
    struct epoll_event events[EVENTS_PER_WAIT];
    sigset_t open;
    sigemptyset(&open);
    for (;;) {
        int64_t due = database_turn(r->database);
        int64_t listen_due = listen_when_due(r);
        due = listen_due < due ? listen_due : due;
        if (r->stop && r->stop_at < due)
            due = r->stop_at;
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

static void release(struct responder *r)
{
    database_free(r->database);
    while (r->oldest)
        close_waiting(r, r->oldest);
    while (r->unused) {
        struct connection *c = r->unused;
        r->unused = c->older;
        arena_release(&c->arena);
        free(c);
    }
    answer_release(&r->answer);
    catalog_release(&r->catalog);
    close(r->epoll);
}

int responder_run(const struct service *service, int ready_fd)
{
    struct responder r = {.service = service, .ready_fd = ready_fd};
    set_signals();
    /* how long libfcgi waits for nginx to close a connection after the last answer on it; ms */
    setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "200", 1);
    r.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (r.epoll < 0 || FCGX_Init() != 0) {
        log_errno("cannot start a responder");
        return EXIT_FAILED;
    }
    listener_init(&r.listener, r.epoll, &r.listener);
    srandom((unsigned)getpid());
    answer_init(&r.answer, LARGEST_BODY, service->options.retry_after);
    catalog_init(&r.catalog, &service->lock, &service->options);
    r.catalog.api.documents = &service->documents;
    r.database = database_new(service, &r.catalog, r.epoll, &r.database);
    int code = loop(&r);
    release(&r);
    return code;
}
