#include "fcgi-app/flow.h"

#include <sys/epoll.h>

#include "fcgi-app/clock.h"
#include "lib/log.h"
#include "lib/pg.h"

enum {
    CHUNK = 64 << 10,         /* bytes of rows that are sent together */
    MUCH_PENDING = 256 << 10, /* bytes that the web server has not taken, above which no more rows are read */
    STANDSTILL = 60000        /* ms in which the web server takes nothing of an answer, after which it is given up */
};

static const struct buf nothing;

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

void flow_answer(struct server *s, struct connection *c, struct answer *a, const struct plan *p, int64_t begun_us,
                 int64_t database_us)
{
    int64_t total_us = clock_us() - begun_us;
    board_count_answer(s->board, p->contract, a->status, total_us);
    answer_timing(a, database_us, total_us);
    web_put(c->web, &a->head, &a->body, true);
    finish_when_sent(s, c);
}

/* --- rows --- */

void flow_abandon(struct server *s, struct exchange *e)
{
    e->connection->exchange = NULL;
    e->connection = NULL;
    database_abandon(s->database, &e->task);
}

void flow_lose(struct server *s, struct connection *c)
{
    if (c->exchange && c->exchange->task.flows)
        board_count(s->board, BOARD_BROKEN_OFF);
    if (c->exchange)
        flow_abandon(s, c->exchange);
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
            flow_abandon(s, e);
            finish_when_sent(s, c);
            return;
        }
        c->moved_at = clock_ms();
    } else {
        if (!web_pending(c->web)) /* it has taken all that there was until now */
            c->moved_at = clock_ms();
        web_put(c->web, &nothing, &a->body, false);
        answer_begin(a);
    }
    if (web_failed(c->web))
        flow_lose(s, c);
    else
        press_back(s, c);
}

void flow_rows(struct task *t, const PGresult *r)
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
    flow_answer(s, e->connection, a, &e->plan, e->begun_us, database_us);
}

void flow_done(struct task *t, const PGresult *r)
{
    struct exchange *e = t->owner;
    struct server *s = e->server;
    exchange_unqueue(&s->exchanges, e);
    if (e->connection) {
        if (s->result.exchange != e)
            begin_result(s, e);
        if (r && PQresultStatus(r) == PGRES_TUPLES_OK)
            rows_put(&s->result.rows, &s->result.answer.body, r);
        (t->flows ? end_flow : end_gathered)(s, e, r);
    }
    s->result.exchange = NULL;
    exchange_recycle(&s->exchanges, e);
}

void flow_go_on(struct server *s, struct connection *c)
{
    size_t before = web_pending(c->web);
    web_flush(c->web);
    size_t pending = web_pending(c->web);
    if (pending < before)
        c->moved_at = clock_ms();
    if (web_failed(c->web)) {
        flow_lose(s, c);
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

int64_t flow_give_up(struct server *s, int64_t now)
{
    struct connection *sending = s->connections.oldest[CONNECTION_SENDING], *c = NULL;
    if (s->result.exchange && s->result.exchange->task.flows)
        c = s->result.exchange->connection;
    if (c && web_pending(c->web) && now - c->moved_at >= STANDSTILL) {
        log_warn("the answer to %s is given up after %lld rows: nobody takes it", where(s->result.exchange),
                 s->result.rows.n);
        flow_lose(s, c);
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
