#include "fcgi-app/database.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "fcgi-app/clock.h"
#include "fcgi-app/data_version.h"
#include "fcgi-app/early.h"
#include "lib/log.h"
#include "lib/pg.h"

enum {
    CONNECT_TIMEOUT = 10000, /* ms, for connecting and for setting up each */
    FIRST_PAUSE = 100,       /* ms before the first new try; doubles */
    LONGEST_PAUSE = 5000,    /* ms */
    LOOK_INTERVAL = 30000,   /* ms between looks at the catalog, for what no notification told */
    LOOK_AFTER_DOUBT = 1000, /* ms at least between looks that errors ask for */
    DETAILS_AFTER = 5,       /* ms after a session is ready: what waits for it is asked first */
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
    struct catalog *catalog;
    int64_t statement_timeout, stream_timeout;

    struct task session, listen, listen_data, look, definitions, sources, lease;
    unsigned long heard;
    bool sources_failed;      /* which was told */
    int64_t details_at;       /* when definitions and sources are to be read; INT64_MAX: not now */
    int details;              /* of the two, how many are under way */
    struct arena lease_arena; /* parameters of the lease task under way */
    const char *lease_params[2];
    char timeout_text[24], stream_timeout_text[24];
    const char *session_params[1];
    int64_t looked_at, look_at;
    bool looking, look_again; /* looking: from a look's sending until its leases are settled.
                                 look_again: something changed after the look that is under way was sent */

    int epoll;
    void *tag;
    int watched;     /* the socket in epoll; -1 for none */
    uint32_t events; /* what it is watched for */
};

/* Formats that json_row.c reads, and three belts beside the role's own braces. */
static const char session_sql[] = "SELECT pg_catalog.set_config('search_path', '', false),"
                                  " pg_catalog.set_config('default_transaction_read_only', 'on', false),"
                                  " pg_catalog.set_config('statement_timeout', $1, false),"
                                  " pg_catalog.set_config('DateStyle', 'ISO', false),"
                                  " pg_catalog.set_config('IntervalStyle', 'postgres', false),"
                                  " pg_catalog.set_config('bytea_output', 'hex', false),"
                                  " pg_catalog.set_config('extra_float_digits', '1', false)";

static void session_done(struct task *t, const PGresult *r);
static void listen_done(struct task *t, const PGresult *r);
static void listen_data_done(struct task *t, const PGresult *r);
static void look_done(struct task *t, const PGresult *r);
static void definitions_done(struct task *t, const PGresult *r);
static void sources_done(struct task *t, const PGresult *r);
static void lease_done(struct task *t, const PGresult *r);
static void connect_with(struct database *d, PGconn *conn);

struct database *database_new(const struct service *service, struct catalog *catalog, int epoll, void *tag)
{
    struct database *d = mem_alloc(sizeof *d);
    d->pause = FIRST_PAUSE;
    d->catalog = catalog;
    d->epoll = epoll;
    d->tag = tag;
    d->watched = -1;
    d->details_at = INT64_MAX;
    d->statement_timeout = service->options.statement_timeout_ms;
    d->stream_timeout = service->options.stream_timeout_ms;
    snprintf(d->timeout_text, sizeof d->timeout_text, "%lld", (long long)d->statement_timeout);
    d->session_params[0] = d->timeout_text;
    snprintf(d->stream_timeout_text, sizeof d->stream_timeout_text, "%lld",
             (long long)service->options.stream_timeout_ms);
    d->pipeline.limits = (struct pipeline_limits){d->statement_timeout, d->stream_timeout_text};
    d->session =
        (struct task){.sql = session_sql, .n_params = 1, .params = d->session_params, .done = session_done, .owner = d};
    d->listen = (struct task){.sql = "LISTEN oriel_contract", .done = listen_done, .owner = d};
    d->listen_data = (struct task){.sql = "LISTEN oriel_data", .done = listen_data_done, .owner = d};
    d->look = (struct task){.sql = contract_promises_sql, .keep_prepared = true, .done = look_done, .owner = d};
    d->definitions =
        (struct task){.sql = contract_definitions_sql, .keep_prepared = true, .done = definitions_done, .owner = d};
    d->sources = (struct task){.sql = data_sources_sql, .keep_prepared = true, .done = sources_done, .owner = d};
    d->lease = (struct task){
        .sql = catalog_lease_sql, .n_params = 2, .params = d->lease_params, .done = lease_done, .owner = d};
    arena_init(&d->lease_arena);
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
    d->looking = false;
    d->details_at = INT64_MAX;
    catalog_session_lost(d->catalog);
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

static void look(struct database *d)
{
    d->looking = true;
    d->look_again = false;
    d->looked_at = clock_ms();
    d->look_at = d->looked_at + LOOK_INTERVAL;
    pipeline_send(&d->pipeline, &d->look);
}

/* The session first; then LISTEN before the look, so that no change falls between the two. */
static void set_up(struct database *d)
{
    d->state = DATABASE_SETTING_UP;
    d->due = clock_ms() + CONNECT_TIMEOUT;
    if (pipeline_start(&d->pipeline, d->conn) < 0) {
        disconnect(d);
        return;
    }
    pipeline_send(&d->pipeline, &d->session);
    pipeline_send(&d->pipeline, &d->listen);
    pipeline_send(&d->pipeline, &d->listen_data);
    look(d);
}

static void session_done(struct task *t, const PGresult *r)
{
    struct database *d = t->owner;
    if (!r || PQresultStatus(r) == PGRES_TUPLES_OK)
        return;
    pg_tell_failure(d->conn, r, "setting the session up");
    d->pipeline.broken = true; /* without these settings nothing may be read */
}

static void listen_done(struct task *t, const PGresult *r)
{
    (void)t;
    if (r && PQresultStatus(r) != PGRES_COMMAND_OK)
        log_info("this server takes no LISTEN (a standby does not); contracts are looked at every %d s",
                 LOOK_INTERVAL / 1000);
}

/* A failure was told of the other channel. */
static void listen_data_done(struct task *t, const PGresult *r)
{
    struct database *d = t->owner;
    (void)r;
    d->heard++;
}

/* None of them is under way: no look is sent while one is. That they were sent before a look is not enough, since what
 * failed may be run again behind it. */
static void send_details(struct database *d)
{
    d->details_at = INT64_MAX;
    d->details = 2;
    pipeline_send(&d->pipeline, &d->definitions);
    pipeline_send(&d->pipeline, &d->sources);
}

static void become_ready(struct database *d)
{
    if (d->state == DATABASE_READY)
        return;
    log_info("connected to Postgres: database %s, %zu contracts", PQdb(d->conn), d->catalog->api.n);
    d->state = DATABASE_READY;
    d->details_at = clock_ms() + DETAILS_AFTER;
    d->tried = true;
    d->pause = FIRST_PAUSE;
    d->told_at = 0;
}

static void look_done(struct task *t, const PGresult *r)
{
    struct database *d = t->owner;
    d->looking = false;
    if (!r || d->pipeline.broken)
        return;
    if (catalog_look(d->catalog, r) < 0) { /* cancelled, perhaps; what it was sent for is still to be seen */
        d->pipeline.broken = d->state != DATABASE_READY;
        d->pipeline.doubt = true;
        return;
    }
    arena_reset(&d->lease_arena);
    d->looking = catalog_lease_params(d->catalog, &d->lease_arena, d->lease_params);
    if (d->looking)
        pipeline_send(&d->pipeline, &d->lease);
    if (d->state == DATABASE_READY)
        send_details(d);
    else if (!d->looking)
        become_ready(d);
}

static void definitions_done(struct task *t, const PGresult *r)
{
    struct database *d = t->owner;
    d->details--;
    if (!r || d->pipeline.broken)
        return;
    if (PQresultStatus(r) != PGRES_TUPLES_OK)
        pg_tell_failure(d->conn, r, "reading the definitions of the contracts");
    catalog_definitions(d->catalog, r);
}

/* Without it all is served, with tags that cost the answer. */
static void sources_done(struct task *t, const PGresult *r)
{
    struct database *d = t->owner;
    d->details--;
    if (!r || d->pipeline.broken)
        return;
    bool failed = PQresultStatus(r) != PGRES_TUPLES_OK;
    if (failed && !d->sources_failed)
        log_warn("no data versions can be had, so a 304 costs the whole query: %s. What to do: run `oriel init`",
                 PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY));
    d->sources_failed = failed;
    catalog_sources(d->catalog, r);
}

static void lease_done(struct task *t, const PGresult *r)
{
    struct database *d = t->owner;
    d->looking = false;
    if (!r || d->pipeline.broken)
        return;
    if (PQresultStatus(r) != PGRES_TUPLES_OK) {
        pg_tell_failure(d->conn, r, "taking leases");
        d->pipeline.broken = true; /* nothing is served without them */
        return;
    }
    catalog_lease(d->catalog, r);
    become_ready(d);
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

static void take_notifications(struct database *d)
{
    for (PGnotify *n; (n = PQnotifies(d->conn)); PQfreemem(n)) {
        d->heard++; /* a change of a contract may have written, too */
        if (strcmp(n->relname, "oriel_data") != 0)
            d->look_again = true;
    }
}

unsigned long database_heard(const struct database *d)
{
    return d->heard;
}

void database_event(struct database *d)
{
    if (d->state == DATABASE_CONNECTING)
        connect_go_on(d);
    else if (d->state != DATABASE_WAITING) {
        pipeline_receive(&d->pipeline);
        take_notifications(d);
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

/* What a look is made of is under way once at most. */
static bool may_look(const struct database *d)
{
    return d->state == DATABASE_READY && !d->looking && !d->details;
}

static void look_when_due(struct database *d, int64_t now)
{
    if (d->pipeline.doubt && d->look_at > d->looked_at + LOOK_AFTER_DOUBT)
        d->look_at = d->looked_at + LOOK_AFTER_DOUBT;
    d->pipeline.doubt = false;
    if (may_look(d) && now >= d->details_at)
        send_details(d);
    if (may_look(d) && (d->look_again || now >= d->look_at))
        look(d);
}

static void tend(struct database *d, int64_t now)
{
    if (d->state == DATABASE_READY)
        look_when_due(d, now);
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
    if (d->state == DATABASE_SETTING_UP || d->state == DATABASE_READY)
        tend(d, now);
    if (d->state == DATABASE_WAITING || d->state == DATABASE_CONNECTING)
        return d->due;
    int64_t due = stuck_at(d), cancel_due = pipeline_tend(&d->pipeline, now);
    due = cancel_due < due ? cancel_due : due;
    if (!may_look(d))
        return due;
    due = d->details_at < due ? d->details_at : due;
    return d->look_at < due ? d->look_at : due;
}

void database_free(struct database *d)
{
    if (d->pipeline.conn)
        pipeline_end(&d->pipeline);
    PQfinish(d->conn);
    arena_release(&d->lease_arena);
    free(d);
}
