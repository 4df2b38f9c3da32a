#include "fcgi-app/serve.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "fcgi-app/clock.h"
#include "fcgi-app/request.h"
#include "fcgi-app/validator.h"
#include "lib/log.h"
#include "lib/pg.h"

enum {
    US_PER_MS = 1000,
    YOUNG = 250,              /* ms since the web server was asked, in which a request may go back to it */
    LARGEST_BODY = 64 << 20,  /* bytes of an answer that cannot be streamed: of one row */
    CHUNK = 64 << 10,         /* bytes of rows that are sent together */
    MUCH_PENDING = 256 << 10, /* bytes that the web server has not taken, above which no more rows are read */
    STANDSTILL = 60000        /* ms in which the web server takes nothing of an answer, after which it is given up */
};

static const struct buf nothing;

/* --- exchanges --- */

static struct exchange *exchange_new(struct server *s, struct connection *c)
{
    struct exchange *e = s->unused;
    if (e)
        s->unused = e->older;
    else {
        e = mem_alloc(sizeof *e);
        arena_init(&e->arena);
    }
    e->server = s;
    e->connection = c;
    c->exchange = e;
    return e;
}

static void exchange_recycle(struct server *s, struct exchange *e)
{
    if (e->connection)
        e->connection->exchange = NULL;
    arena_reset(&e->arena);
    e->older = s->unused;
    s->unused = e;
}

static void queue_add(struct server *s, struct exchange *e)
{
    e->older = s->newest;
    e->newer = NULL;
    *(s->newest ? &s->newest->newer : &s->oldest) = e;
    s->newest = e;
    s->n_exchanges++;
}

static void queue_remove(struct server *s, struct exchange *e)
{
    *(e->older ? &e->older->newer : &s->oldest) = e->newer;
    *(e->newer ? &e->newer->older : &s->newest) = e->older;
    s->n_exchanges--;
}

/* --- what goes to the web server --- */

/* All of the answer is with the web server. */
static void finish(struct server *s, struct connection *c)
{
    bool keep = web_end(c->web) && !s->closing;
    if (c->last)
        web_close_gently(c->web);
    if (c->last || !keep) {
        connection_close(&s->connections, c);
        return;
    }
    connection_watch(&s->connections, c, EPOLLIN);
    connection_become(&s->connections, c, CONNECTION_IDLE);
}

/* All of the answer is written. */
static void finish_when_sent(struct server *s, struct connection *c)
{
    if (web_failed(c->web)) {
        connection_close(&s->connections, c);
    } else if (web_pending(c->web)) {
        c->moved_at = clock_ms();
        connection_watch(&s->connections, c, EPOLLOUT);
        connection_become(&s->connections, c, CONNECTION_SENDING);
    } else {
        finish(s, c);
    }
}

/* database_us: how long the database had the request; -1 when it never had it. */
static void send_answer(struct server *s, struct connection *c, struct answer *a, const struct plan *p,
                        int64_t begun_us, int64_t database_us)
{
    int64_t total_us = clock_us() - begun_us;
    board_count_answer(s->board, p->contract, a->status, total_us);
    answer_timing(a, database_us, total_us);
    web_put(c->web, &a->head, &a->body, true);
    finish_when_sent(s, c);
}

/* --- rows --- */

/* Nobody waits for the answer any more. The connection is closed, or has got another one. */
static void abandon(struct server *s, struct exchange *e)
{
    e->connection->exchange = NULL;
    e->connection = NULL;
    database_abandon(s->database, &e->task);
}

static void lose(struct server *s, struct connection *c)
{
    if (c->exchange && c->exchange->task.flows)
        board_count(s->board, BOARD_BROKEN_OFF);
    if (c->exchange)
        abandon(s, c->exchange);
    connection_close(&s->connections, c);
}

static void begin_result(struct server *s, const struct exchange *e)
{
    s->result.exchange = e;
    answer_begin(&s->result.answer);
    rows_begin(&s->result.rows, &e->plan);
}

/* The head, and what is there of the rows. */
static void begin_flow(struct server *s, struct exchange *e)
{
    struct answer *a = &s->result.answer;
    int64_t now = clock_us();
    e->task.flows = true;
    answer_stream(a, &s->result.rows, e->task.estimate);
    answer_timing(a, now - e->asked_us, now - e->begun_us);
    board_count_answer(s->board, e->plan.contract, a->status, now - e->begun_us);
    board_count(s->board, BOARD_STREAMED);
    web_put(e->connection->web, &a->head, e->plan.head ? &nothing : &a->body, e->plan.head);
    answer_begin(a);
}

/* Stops reading rows while the web server does not take them. */
static void press_back(struct server *s, struct connection *c)
{
    size_t pending = web_pending(c->web);
    connection_watch(&s->connections, c, pending ? EPOLLOUT : 0);
    if (pending > MUCH_PENDING)
        database_pause(s->database, true);
}

static void flow(struct server *s, struct exchange *e)
{
    struct connection *c = e->connection;
    struct answer *a = &s->result.answer;
    if (!e->task.flows) {
        begin_flow(s, e);
        if (e->plan.head) { /* the rest would only be counted */
            abandon(s, e);
            finish_when_sent(s, c);
            return;
        }
        c->moved_at = clock_ms();
    } else {
        web_put(c->web, &nothing, &a->body, false);
        answer_begin(a);
    }
    if (web_failed(c->web))
        lose(s, c);
    else
        press_back(s, c);
}

static void task_rows(struct task *t, const PGresult *r)
{
    struct exchange *e = t->owner;
    struct server *s = e->server;
    struct answer *a = &s->result.answer;
    if (!e->connection)
        return;
    if (s->result.exchange != e || !r)
        begin_result(s, e);
    if (!r)
        return;
    rows_put(&s->result.rows, &a->body, r);
    if (s->result.rows.misfit || rows_is_single(&e->plan))
        return;
    if (a->body.len >= (t->flows ? (size_t)CHUNK : (size_t)GATHERED_SIZE))
        flow(s, e);
}

static const char *where(const struct exchange *e)
{
    return e->plan.content_location ? e->plan.content_location : "?";
}

static void log_failure(const struct exchange *e, const PGresult *result, int status)
{
    const struct contract *contract = e->plan.contract;
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    /* below 500 it is the client's doing, and told to the client; without a message the connection broke, which
       database.c tells */
    if (status >= 500 && message)
        log_warn("%d for a request to %s@%d: %s (SQLSTATE %s)", status, contract->entity, contract->version, message,
                 pg_sqlstate(result));
}

/* The end of an answer that has begun. One that has not all its rows must not look like one that has. */
static void end_flow(struct server *s, struct exchange *e, const PGresult *r)
{
    struct connection *c = e->connection;
    struct buf *body = &s->result.answer.body;
    const char *message = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY); /* NULL where r is */
    bool whole = r && PQresultStatus(r) == PGRES_TUPLES_OK && !body->failed;
    if (whole) {
        rows_end(&s->result.rows, body);
        web_put(c->web, &nothing, body, true);
        finish_when_sent(s, c);
        return;
    }
    log_warn("the answer to %s broke off after %lld rows: %s", where(e), s->result.rows.n,
             body->failed ? "a row is too large"
             : message    ? message
                          : "the connection to Postgres was lost");
    board_count(s->board, BOARD_BROKEN_OFF);
    connection_close(&s->connections, c);
}

static void end_gathered(struct server *s, struct exchange *e, const PGresult *r)
{
    struct answer *a = &s->result.answer;
    int64_t database_us = clock_us() - e->asked_us;
    if (!r)
        answer_trouble(a, &e->plan, TROUBLE_NO_DATABASE);
    else if (PQresultStatus(r) == PGRES_TUPLES_OK)
        answer_rows(a, &s->result.rows, e->task.estimate);
    else {
        answer_failure(a, &e->plan, r);
        log_failure(e, r, a->status);
    }
    send_answer(s, e->connection, a, &e->plan, e->begun_us, database_us);
}

static void task_done(struct task *t, const PGresult *r)
{
    struct exchange *e = t->owner;
    struct server *s = e->server;
    queue_remove(s, e);
    if (e->connection) {
        if (s->result.exchange != e)
            begin_result(s, e);
        if (r && PQresultStatus(r) == PGRES_TUPLES_OK)
            rows_put(&s->result.rows, &s->result.answer.body, r);
        (t->flows ? end_flow : end_gathered)(s, e, r);
    }
    s->result.exchange = NULL;
    exchange_recycle(s, e);
}

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
        .rows = task_rows,
        .most_rows = most_rows(p),
        .done = task_done,
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
    queue_remove(s, e);
    if (c && !unchanged && send_statement(s, e) == 0) {
        queue_add(s, e);
        return;
    }
    if (!unchanged)
        answer_trouble(&s->answer, &e->plan, TROUBLE_NO_DATABASE);
    if (c)
        send_answer(s, c, &s->answer, &e->plan, e->begun_us, clock_us() - e->asked_us);
    exchange_recycle(s, e);
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
        .done = version_done,
        .owner = e,
    };
    return database_send(s->database, &e->version_task);
}

/* Where the answer is wanted, both statements go at once, unless the version is known. A connection that breaks between
 * them is told by the first. */
static int send_all(struct server *s, struct exchange *e)
{
    const struct data_version *kept = NULL;
    e->asks_version_only = validator_asked(&e->plan);
    e->heard = database_heard(s->database);
    if (e->plan.sources && !e->asks_version_only)
        kept = data_versions_find(&s->versions, e->plan.sources, e->asked_us / US_PER_MS, e->heard);
    if (kept) {
        e->version = *kept;
        e->plan.version = &e->version;
    }
    if (!e->plan.sources || kept)
        return send_statement(s, e);
    if (send_version(s, e) < 0)
        return -1;
    if (!e->asks_version_only && send_statement(s, e) < 0)
        e->asks_version_only = true;
    return 0;
}

/* -1, with s->answer filled in, when nothing can be sent now. */
static int ask_database(struct server *s, struct exchange *e)
{
    const struct plan *p = &e->plan;
    enum answer_trouble trouble = TROUBLE_BUSY;
    if (s->n_exchanges < s->service->options.max_in_flight) {
        e->asked_us = clock_us();
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
    struct exchange *e = exchange_new(s, c);
    e->begun_us = clock_us();
    connection_become(&s->connections, c, CONNECTION_BUSY);
    if (begin_exchange(s, c, e) == 0) {
        queue_add(s, e);
        return;
    }
    send_answer(s, c, &s->answer, &e->plan, e->begun_us, -1);
    exchange_recycle(s, e);
}

/* --- events --- */

/* There is room for more of an answer. */
static void go_on_sending(struct server *s, struct connection *c)
{
    size_t before = web_pending(c->web);
    web_flush(c->web);
    size_t pending = web_pending(c->web);
    if (pending < before)
        c->moved_at = clock_ms();
    if (web_failed(c->web)) {
        lose(s, c);
        return;
    }
    if (!pending && c->state == CONNECTION_SENDING) {
        finish(s, c);
        return;
    }
    if (!pending)
        connection_watch(&s->connections, c, 0);
    if (c->state == CONNECTION_BUSY && pending <= MUCH_PENDING / 2)
        database_pause(s->database, false);
}

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
            lose(s, c);
        else if (events & EPOLLIN)
            ignore_input(s, c);
        else
            go_on_sending(s, c);
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
    for (struct exchange *e = s->oldest; e; e = e->newer)
        if (may_go_back(s, e)) {
            board_count(s->board, BOARD_HANDED);
            lose(s, e->connection);
        }
}

/* Whoever waits behind others for as long as a statement may run is told to come again. Returns when the next one is.
 */
static int64_t refuse_late(struct server *s, int64_t now_us)
{
    int64_t most_us = s->service->options.statement_timeout_ms * 1000;
    for (struct exchange *e = s->oldest; most_us && e; e = e->newer) {
        struct connection *c = e->connection;
        if (!c || is_running(s, e))
            continue;
        if (now_us < e->asked_us + most_us)
            return (e->asked_us + most_us) / 1000 + 1;
        board_count(s->board, BOARD_REFUSED);
        answer_trouble(&s->answer, &e->plan, TROUBLE_BUSY);
        abandon(s, e);
        send_answer(s, c, &s->answer, &e->plan, e->begun_us, -1);
    }
    return INT64_MAX;
}

static void tell_board(const struct server *s)
{
    const struct exchange *e = s->result.exchange;
    board_tell(s->seat, BOARD_CONNECTED, database_is_ready(s->database));
    board_tell(s->seat, BOARD_IN_FLIGHT, s->n_exchanges);
    board_tell(s->seat, BOARD_STREAMING, e && e->connection && e->task.flows);
}

/* Gives up answers that the web server does not take. Returns when the next may be one. */
static int64_t give_up_still(struct server *s, int64_t now)
{
    struct connection *sending = s->connections.oldest[CONNECTION_SENDING], *c = NULL;
    if (s->result.exchange && s->result.exchange->task.flows)
        c = s->result.exchange->connection;
    if (c && web_pending(c->web) && now - c->moved_at >= STANDSTILL) {
        log_warn("the answer to %s is given up after %lld rows: nobody takes it", where(s->result.exchange),
                 s->result.rows.n);
        lose(s, c);
        c = NULL;
    }
    while (sending && now - sending->moved_at >= STANDSTILL) {
        connection_close(&s->connections, sending);
        sending = s->connections.oldest[CONNECTION_SENDING];
    }
    int64_t due = sending ? sending->moved_at + STANDSTILL : INT64_MAX;
    int64_t flow_due = c && web_pending(c->web) ? c->moved_at + STANDSTILL : INT64_MAX;
    return due < flow_due ? due : flow_due;
}

int64_t server_turn(struct server *s)
{
    int64_t due = give_up_still(s, clock_ms()), late = refuse_late(s, clock_us());
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
    s->catalog.api.documents = &service->documents;
    s->database = database_new(service, &s->catalog, epoll, database_tag);
}

void server_release(struct server *s)
{
    database_free(s->database);
    connections_release(&s->connections);
    while (s->unused) {
        struct exchange *e = s->unused;
        s->unused = e->older;
        arena_release(&e->arena);
        free(e);
    }
    answer_release(&s->answer);
    answer_release(&s->result.answer);
    catalog_release(&s->catalog);
}
