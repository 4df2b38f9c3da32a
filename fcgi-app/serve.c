#include "fcgi-app/serve.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "fcgi-app/clock.h"
#include "fcgi-app/flow.h"
#include "fcgi-app/request.h"
#include "fcgi-app/validator.h"

enum {
    US_PER_MS = 1000,
    YOUNG = 250,            /* ms since the web server was asked, in which a request may go back to it */
    LARGEST_BODY = 64 << 20 /* bytes of an answer that cannot be streamed: of one row */
};

/* --- a request --- */

/* How many rows a page may have, as struct task wants it. */
static long long most_rows(const struct plan *p)
{
    return rows_is_single(p) && p->key_path ? 1 : p->limit;
}

/* -1 when it cannot be sent now. */
static int send_statement(struct server *s, struct exchange *e)
{
    const struct plan *p = &e->plan;
    size_t n_settings = 0;
    if (p->claims) /* without a token too, as "": what nobody set, nobody has left over */
        e->settings[n_settings++] = (struct task_setting){"request.jwt.claims", p->claims};
    if (p->time_zone)
        e->settings[n_settings++] = (struct task_setting){"TimeZone", p->time_zone};
    e->task = (struct task){
        .sql = p->sql,
        .n_params = p->n_params,
        .params = (const char *const *)p->params,
        .keep_prepared = true,
        .settings = e->settings,
        .n_settings = n_settings,
        .estimate_sql = p->estimate_sql,
        .n_estimate_params = p->n_estimate_params,
        .rows = flow_rows,
        .most_rows = most_rows(p),
        .done = flow_done,
        .owner = e,
    };
    return database_send(s->database, &e->task);
}

/* The version alone was asked for. Either the client holds the answer, or the statement goes now, behind those that
 * came in between. */
static void go_on_with_version(struct server *s, struct exchange *e)
{
    struct connection *c = e->connection;
    bool unchanged = c && e->version.known && answer_unchanged(&s->answer, &e->plan);
    exchange_unqueue(&s->exchanges, e);
    if (c && !unchanged && send_statement(s, e) == 0) {
        exchange_queue(&s->exchanges, e);
        return;
    }
    if (!unchanged)
        answer_trouble(&s->answer, &e->plan, TROUBLE_NO_DATABASE);
    if (c)
        flow_answer(s, c, &s->answer, &e->plan, e->begun_us, clock_us() - e->asked_us);
    exchange_recycle(&s->exchanges, e);
}

static void version_done(struct task *t, const PGresult *r)
{
    struct exchange *e = t->owner;
    data_version_read(&e->version, r);
    e->plan.version = &e->version;
    data_versions_keep(&e->server->versions, e->plan.sources, &e->version, e->asked_us / US_PER_MS, e->heard);
    if (e->asks_version_only)
        go_on_with_version(e->server, e);
}

/* -1 when it cannot be sent now. */
static int send_version(struct server *s, struct exchange *e)
{
    e->version_task = (struct task){
        .sql = data_version_sql,
        .n_params = 1,
        .params = &e->plan.sources,
        .keep_prepared = true,
        .most_rows = 1,
        .once = !e->asks_version_only, /* it would be newer than the rows, and e may be gone with them */
        .done = version_done,
        .owner = e,
    };
    return database_send(s->database, &e->version_task);
}

/* The version that was read a moment ago, where it holds still. */
static void take_kept_version(struct server *s, struct exchange *e)
{
    struct plan *p = &e->plan;
    e->heard = database_heard(s->database);
    if (!p->sources || (validator_asked(p) && p->contract->cache_seconds == 0))
        return;
    const struct data_version *kept = data_versions_find(&s->versions, p->sources, e->asked_us / US_PER_MS, e->heard);
    if (!kept)
        return;
    e->version = *kept;
    p->version = &e->version;
}

/* Where the answer is wanted, both statements go at once, unless the version is known. A connection that breaks between
 * them is told by the first. */
static int send_all(struct server *s, struct exchange *e)
{
    if (!e->plan.sources || e->plan.version)
        return send_statement(s, e);
    e->asks_version_only = validator_asked(&e->plan);
    if (send_version(s, e) < 0)
        return -1;
    if (!e->asks_version_only && send_statement(s, e) < 0)
        e->asks_version_only = true;
    return 0;
}

/* 0 when Postgres is asked; -1, with s->answer filled in, when it need not be or cannot be now. */
static int ask_database(struct server *s, struct exchange *e)
{
    const struct plan *p = &e->plan;
    enum answer_trouble trouble = TROUBLE_BUSY;
    e->asked_us = clock_us();
    take_kept_version(s, e);
    if (p->version && validator_asked(p) && answer_unchanged(&s->answer, p))
        return -1;
    if (s->exchanges.n < s->service->options.max_in_flight) {
        if (send_all(s, e) == 0)
            return 0;
        trouble = TROUBLE_NO_DATABASE;
    }
    if (trouble == TROUBLE_BUSY)
        board_count(s->board, BOARD_REFUSED);
    answer_trouble(&s->answer, p, trouble);
    return -1;
}

/* What the web server's configuration says; "" where it does not. What a client sends comes under names that begin with
 * HTTP_. */
static const char *parameter(const struct connection *c, const char *name)
{
    size_t n = strlen(name);
    for (char *const *p = web_parameters(c->web); *p; p++)
        if (strncmp(*p, name, n) == 0 && (*p)[n] == '=')
            return *p + n + 1;
    return "";
}

/* When the web server was asked, in ms since 1970; it stays the same when it asks another responder. 0: not told. */
static int64_t web_asked_at(const struct connection *c)
{
    char *end;
    const char *seconds = parameter(c, "ORIEL_ASKED_AT"); /* and three digits behind the point */
    long long ms = strtoll(seconds, &end, 10) * 1000;
    return *end == '.' ? ms + strtoll(end + 1, NULL, 10) : 0;
}

static void answer_metrics(struct server *s)
{
    answer_begin(&s->answer);
    board_print(s->board, &s->answer.body);
    answer_text(&s->answer, "text/plain; version=0.0.4; charset=utf-8");
}

/* 0 when it is at Postgres; -1 when s->answer is its answer already. */
static int begin_exchange(struct server *s, struct connection *c, struct exchange *e)
{
    struct request request;
    size_t url_length;
    e->web_asked_at = web_asked_at(c);
    request_read(&request, &e->arena, web_parameters(c->web), &url_length);
    request.now = time(NULL);
    if (!request.has_body)
        request.has_body = web_has_body(c->web);
    c->last = c->last || request.has_body;
    if (url_length > s->service->options.max_url) {
        e->plan = (struct plan){.head = strcmp(request.method, "HEAD") == 0};
        cors_decide(&e->plan.cors, &e->arena, s->catalog.api.origins, &request);
        answer_trouble(&s->answer, &e->plan, TROUBLE_URL_TOO_LONG);
        return -1;
    }
    if (strcmp(parameter(c, "ORIEL_METRICS"), "on") == 0) {
        e->plan = (struct plan){0};
        answer_metrics(s);
        return -1;
    }
    plan_make(&e->plan, &e->arena, &s->catalog.api, &request);
    if (e->plan.kind == PLAN_ROWS)
        return ask_database(s, e);
    answer_plan(&s->answer, &e->plan);
    return -1;
}

static void serve(struct server *s, struct connection *c)
{
    struct exchange *e = exchange_new(&s->exchanges, s, c);
    e->begun_us = clock_us();
    connection_become(&s->connections, c, CONNECTION_BUSY);
    if (begin_exchange(s, c, e) == 0) {
        exchange_queue(&s->exchanges, e);
        return;
    }
    flow_answer(s, c, &s->answer, &e->plan, e->begun_us, -1);
    exchange_recycle(&s->exchanges, e);
}

/* --- events --- */

/* Its request is under way, and yet something has come: the web server asks only after an answer, and whoever does not
 * is not served further. Watched on, it would wake the loop again and again. */
static void ignore_input(struct server *s, struct connection *c)
{
    c->last = true;
    connection_watch(&s->connections, c, web_pending(c->web) ? EPOLLOUT : 0);
}

void server_event(struct server *s, struct connection *c, uint32_t events)
{
    switch (c->state) {
    case CONNECTION_FRESH:
    case CONNECTION_IDLE:
        if (!(events & EPOLLIN) || (events & EPOLLHUP) || web_read(c->web) < 0)
            connection_close(&s->connections, c);
        else
            serve(s, c);
        break;
    case CONNECTION_BUSY:
    case CONNECTION_SENDING:
        if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
            flow_lose(s, c);
        else if (events & EPOLLIN)
            ignore_input(s, c);
        else
            flow_go_on(s, c);
        break;
    case CONNECTION_UNUSED: /* closed by an event before this one */
    case CONNECTION_STATES:
        break;
    }
}

/* Either of its statements: one whose version is being read waits behind nobody. */
static bool is_running(const struct server *s, const struct exchange *e)
{
    return database_runs(s->database, &e->task) || database_runs(s->database, &e->version_task);
}

/*
 * The web server gives a request up that comes back often. So only those go back that it was asked for just now; where
 * all responders are slow, requests soon are too old for it, and wait.
 */
static bool may_go_back(const struct server *s, const struct exchange *e)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    return e->connection && !is_running(s, e) && now_ms - e->web_asked_at <= YOUNG;
}

/* Reads the requests that have come, so that they are known, and closes what is kept for others. */
static void read_or_close(struct server *s, enum connection_state state)
{
    for (struct connection *c = s->connections.oldest[state], *next; c; c = next) {
        next = c->newer;
        if (web_has_input(c->web))
            server_event(s, c, EPOLLIN);
        else if (state == CONNECTION_IDLE)
            connection_close(&s->connections, c);
    }
}

void server_hand_back(struct server *s)
{
    read_or_close(s, CONNECTION_FRESH);
    read_or_close(s, CONNECTION_IDLE);
    for (struct exchange *e = s->exchanges.oldest; e; e = e->newer)
        if (may_go_back(s, e)) {
            board_count(s->board, BOARD_HANDED);
            flow_lose(s, e->connection);
        }
}

/* Whoever waits behind others for as long as a statement may run is told to come again. Returns when the next one is.
 */
static int64_t refuse_late(struct server *s, int64_t now_us)
{
    int64_t most_us = s->service->options.statement_timeout_ms * 1000;
    for (struct exchange *e = s->exchanges.oldest; most_us && e; e = e->newer) {
        struct connection *c = e->connection;
        if (!c || is_running(s, e))
            continue;
        if (now_us < e->asked_us + most_us)
            return (e->asked_us + most_us) / 1000 + 1;
        board_count(s->board, BOARD_REFUSED);
        answer_trouble(&s->answer, &e->plan, TROUBLE_BUSY);
        flow_abandon(s, e);
        flow_answer(s, c, &s->answer, &e->plan, e->begun_us, -1);
    }
    return INT64_MAX;
}

static void tell_board(const struct server *s)
{
    const struct exchange *e = s->result.exchange;
    board_tell(s->seat, BOARD_CONNECTED, database_is_ready(s->database));
    board_tell(s->seat, BOARD_IN_FLIGHT, s->exchanges.n);
    board_tell(s->seat, BOARD_STREAMING, e && e->connection && e->task.flows);
}

int64_t server_turn(struct server *s)
{
    int64_t due = flow_give_up(s, clock_ms()), late = refuse_late(s, clock_us());
    tell_board(s);
    return due < late ? due : late;
}

void server_init(struct server *s, const struct service *service, struct board *board, struct board_seat *seat,
                 int epoll, void *database_tag)
{
    *s = (struct server){.service = service, .board = board, .seat = seat};
    connections_init(&s->connections, epoll);
    answer_init(&s->answer, LARGEST_BODY, service->options.retry_after);
    answer_init(&s->result.answer, LARGEST_BODY, service->options.retry_after);
    catalog_init(&s->catalog, &service->lock, &service->options);
    documents_init(&s->documents, &service->lock, openapi_access_read(service->settings.responder));
    s->catalog.api.documents = &s->documents;
    s->database = database_new(service, &s->catalog, epoll, database_tag);
}

void server_release(struct server *s)
{
    database_free(s->database);
    connections_release(&s->connections);
    exchanges_release(&s->exchanges);
    answer_release(&s->answer);
    answer_release(&s->result.answer);
    catalog_release(&s->catalog);
    documents_release(&s->documents);
}
