#include "fcgi-app/database.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "fcgi-app/clock.h"
#include "fcgi-app/early.h"
#include "fcgi-app/look.h"
#include "lib/log.h"
#include "lib/pg.h"

enum {
    CONNECT_TIMEOUT = 10000, /* ms, for connecting and for setting up each */
    FIRST_PAUSE = 100,       /* ms before the first new try; doubles */
    LONGEST_PAUSE = 5000,    /* ms */
    ANSWER_GRACE = 10000,    /* ms beyond the time limit after which the server counts as gone */
    TELL_INTERVAL = 60000    /* ms between messages that it still cannot be reached */
};

enum database_state {
    DATABASE_WAITING,    /* until `due`, then it tries to connect */
    DATABASE_CONNECTING, /* at most until `due` */
    DATABASE_SETTING_UP, /* connected; session and catalog not ready; at most until `due` */
    DATABASE_READY
};

struct database {
    enum database_state state;
    int64_t due;
    int64_t pause;
    int64_t told_at; /* when it was last said that it cannot be reached; 0: not since it was ready */
    bool tried;
    struct pg_target target;
    PGconn *conn;
    struct pipeline pipeline;
    int64_t statement_timeout, stream_timeout;
    char stream_timeout_text[24];
    struct look look;

    int epoll;
    void *tag;
    int watched;     /* the socket in epoll; -1 for none */
    uint32_t events; /* what it is watched for */
};

static void connect_with(struct database *d, PGconn *conn);

struct database *database_new(const struct service *service, struct catalog *catalog, int epoll, void *tag)
{
    struct database *d = mem_alloc(sizeof *d);
    d->pause = FIRST_PAUSE;
    d->epoll = epoll;
    d->tag = tag;
    d->watched = -1;
    d->statement_timeout = service->options.statement_timeout_ms;
    d->stream_timeout = service->options.stream_timeout_ms;
    snprintf(d->stream_timeout_text, sizeof d->stream_timeout_text, "%lld", (long long)d->stream_timeout);
    d->pipeline.limits = (struct pipeline_limits){d->statement_timeout, d->stream_timeout_text};
    look_init(&d->look, &d->pipeline, catalog, d->statement_timeout);
    early_target(&d->target, &service->settings);
    if (service->early)
        connect_with(d, service->early);
    return d;
}

bool database_tried(const struct database *d)
{
    return d->tried;
}

bool database_is_ready(const struct database *d)
{
    return d->state == DATABASE_READY;
}

bool database_runs(const struct database *d, const struct task *t)
{
    return d->pipeline.head == t;
}

int64_t database_runs_since(const struct database *d)
{
    return d->pipeline.head ? d->pipeline.head_since : INT64_MAX;
}

/* Watches the connection's socket; libpq may have closed the last one and opened another, perhaps of the same number.
 */
static void watch(struct database *d, uint32_t events)
{
    int fd = PQsocket(d->conn);
    if (d->pipeline.paused) { /* watched for nothing, it would still wake the loop when the server has gone */
        if (d->watched >= 0)
            epoll_ctl(d->epoll, EPOLL_CTL_DEL, fd, NULL);
        d->watched = -1;
        return;
    }
    if (fd == d->watched && events == d->events && d->state != DATABASE_CONNECTING)
        return;
    struct epoll_event e = {.events = events, .data.ptr = d->tag};
    if (epoll_ctl(d->epoll, EPOLL_CTL_MOD, fd, &e) < 0 &&
        (errno != ENOENT || epoll_ctl(d->epoll, EPOLL_CTL_ADD, fd, &e) < 0))
        log_errno("cannot watch the connection to Postgres");
    d->watched = fd;
    d->events = events;
}

/* Gives the connection up and waits, a little longer each time and never as long as the other responders. */
static void disconnect(struct database *d)
{
    PQfinish(d->conn); /* closes the socket, and so takes it out of epoll */
    d->conn = NULL;
    look_stop(&d->look);
    d->watched = -1;
    d->state = DATABASE_WAITING;
    d->due = clock_ms() + d->pause / 2 + random() % (d->pause / 2 + 1);
    d->pause = d->pause * 2 < LONGEST_PAUSE ? d->pause * 2 : LONGEST_PAUSE;
    d->tried = true;
}

/* While it cannot be reached, that is said at once and then now and again. */
static bool time_to_tell(struct database *d)
{
    int64_t now = clock_ms();
    if (d->told_at && now - d->told_at < TELL_INTERVAL)
        return false;
    d->told_at = now;
    return true;
}

static void connect_failed(struct database *d)
{
    if (time_to_tell(d))
        pg_tell_connect_failure(d->conn, &d->target);
    disconnect(d);
}

static void connect_timed_out(struct database *d)
{
    if (time_to_tell(d))
        log_error("Postgres on host %s took the connection, but said nothing for %d s", PQhost(d->conn),
                  CONNECT_TIMEOUT / 1000);
    disconnect(d);
}

static void connection_lost(struct database *d)
{
    const char *message = PQerrorMessage(d->conn);
    log_warn("the connection to Postgres is lost; %zu requests under way get 503; connecting again%s%.*s",
             d->pipeline.n, *message ? ": " : "", (int)strcspn(message, "\n"), message);
    pipeline_end(&d->pipeline);
    disconnect(d);
}

/* conn: as PQconnectStartParams gives it, or gone on with. */
static void connect_with(struct database *d, PGconn *conn)
{
    d->state = DATABASE_CONNECTING;
    d->due = clock_ms() + CONNECT_TIMEOUT;
    d->conn = conn;
    if (!d->conn || PQstatus(d->conn) == CONNECTION_BAD) {
        connect_failed(d);
        return;
    }
    PQsetNoticeReceiver(d->conn, pg_log_notice, NULL);
    watch(d, EPOLLOUT); /* so says PQconnectPoll's manual: begin as if it had asked to write */
}

static void set_up(struct database *d)
{
    d->state = DATABASE_SETTING_UP;
    d->due = clock_ms() + CONNECT_TIMEOUT;
    if (pipeline_start(&d->pipeline, d->conn) < 0) {
        disconnect(d);
        return;
    }
    look_start(&d->look);
}

static void connect_go_on(struct database *d)
{
    switch (PQconnectPoll(d->conn)) {
    case PGRES_POLLING_READING:
        watch(d, EPOLLIN);
        break;
    case PGRES_POLLING_WRITING:
        watch(d, EPOLLOUT);
        break;
    case PGRES_POLLING_OK:
        set_up(d);
        break;
    case PGRES_POLLING_FAILED:
    case PGRES_POLLING_ACTIVE: /* not in use since long */
        connect_failed(d);
    }
}

unsigned long database_heard(const struct database *d)
{
    return d->look.heard;
}

static void become_ready(struct database *d)
{
    log_info("connected to Postgres: database %s, %zu contracts", PQdb(d->conn), d->look.catalog->api.n);
    d->state = DATABASE_READY;
    d->tried = true;
    d->pause = FIRST_PAUSE;
    d->told_at = 0;
}

void database_event(struct database *d)
{
    if (d->state == DATABASE_CONNECTING)
        connect_go_on(d);
    else if (d->state != DATABASE_WAITING) {
        pipeline_receive(&d->pipeline);
        look_receive(&d->look);
        if (d->state == DATABASE_SETTING_UP && d->look.ready)
            become_ready(d);
    }
}

int database_send(struct database *d, struct task *t)
{
    if (d->state != DATABASE_READY || d->pipeline.broken)
        return -1;
    pipeline_send(&d->pipeline, t);
    return 0;
}

void database_pause(struct database *d, bool pause)
{
    pipeline_pause(&d->pipeline, pause);
}

void database_abandon(struct database *d, struct task *t)
{
    pipeline_abandon(&d->pipeline, t);
}

/* How long the server lets run what it runs now, in ms; 0 for ever. */
static int64_t time_limit(const struct database *d)
{
    const struct task *head = d->pipeline.head;
    return head && head->flows ? d->stream_timeout : d->statement_timeout;
}

/* Does the oldest request wait for longer than the server would let it run? One whose rows flow counts from the last.
 */
static int64_t stuck_at(const struct database *d)
{
    const struct pipeline *p = &d->pipeline;
    if (d->state == DATABASE_SETTING_UP)
        return d->due;
    if (!p->head || !time_limit(d) || p->paused)
        return INT64_MAX;
    return (p->head->flows ? p->heard_at : p->head_since) + time_limit(d) + ANSWER_GRACE;
}

static void tend(struct database *d, int64_t now)
{
    if (!d->pipeline.broken && now >= stuck_at(d)) {
        log_error("Postgres has not answered for %lld ms, though its statement timeout is %lld ms; it counts as gone",
                  (long long)(now - d->pipeline.head_since), (long long)time_limit(d));
        d->pipeline.broken = true;
    }
    /* what cannot be sent at once makes libpq read, which is not wanted in a pause */
    int unsent = d->pipeline.broken ? -1 : d->pipeline.paused ? 0 : PQflush(d->conn);
    if (unsent < 0)
        connection_lost(d);
    else
        watch(d, unsent ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

int64_t database_turn(struct database *d)
{
    int64_t now = clock_ms();
    if (d->state == DATABASE_WAITING && now >= d->due)
        connect_with(d, PQconnectStartParams(d->target.keywords, d->target.values, 1));
    else if (d->state == DATABASE_CONNECTING && now >= d->due)
        connect_timed_out(d);
    if (d->pipeline.unread)
        database_event(d);
    int64_t look_due = d->state == DATABASE_READY ? look_turn(&d->look, now) : INT64_MAX;
    if (d->state == DATABASE_SETTING_UP || d->state == DATABASE_READY)
        tend(d, now);
    if (d->state == DATABASE_WAITING || d->state == DATABASE_CONNECTING)
        return d->due;
    int64_t due = stuck_at(d), cancel_due = pipeline_tend(&d->pipeline, now);
    due = cancel_due < due ? cancel_due : due;
    return look_due < due ? look_due : due;
}

void database_free(struct database *d)
{
    if (d->pipeline.conn)
        pipeline_end(&d->pipeline);
    PQfinish(d->conn);
    look_release(&d->look);
    free(d);
}
