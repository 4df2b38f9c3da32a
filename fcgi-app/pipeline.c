#include "fcgi-app/pipeline.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi-app/cancel.h"
#include "fcgi-app/clock.h"
#include "lib/buf.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/pg.h"

enum {
    CANCEL_AGAIN = 100,  /* ms */
    CANCEL_AFTER = 10,   /* ms that a statement runs before it is worth cancelling: most have ended by then */
    CANCEL_STRAYS = 2000 /* ms after which a cancellation cannot be the reason any more */
};

int pipeline_start(struct pipeline *p, PGconn *conn)
{
    *p = (struct pipeline){.conn = conn, .statements.made = p->statements.made, .limits = p->limits};
    if (PQsetnonblocking(conn, 1) == 0 && PQenterPipelineMode(conn) == 1)
        return 0;
    log_error("cannot put the connection to Postgres into pipeline mode: %s", PQerrorMessage(conn));
    return -1;
}

void pipeline_expect_gone(const struct task *t)
{
    if (!t->queued)
        return;
    log_error("a statement is still in the pipeline: %s. This is a bug in Oriel; the responder ends, before it gives a "
              "result to the wrong request",
              t->sql);
    abort();
}

static void append(struct pipeline *p, struct task *t)
{
    pipeline_expect_gone(t);
    t->queued = true;
    t->next = NULL;
    t->n_results = t->size = 0;
    t->n_rows = 0;
    t->armed = t->overdue = false;
    t->estimate = t->result = NULL;
    if (!p->head)
        p->head_since = p->heard_at = clock_ms();
    *(p->head ? &p->tail->next : &p->head) = t;
    p->tail = t;
    p->n++;
}

static struct task *take_head(struct pipeline *p)
{
    struct task *t = p->head;
    t->queued = false;
    p->head = t->next;
    p->n--;
    p->head_since = p->heard_at = clock_ms();
    return t;
}

/* What a task's commands are, in the order in which they are sent and answered. */
enum part { PART_PREPARE, PART_SETTING, PART_ESTIMATE, PART_STATEMENT };

/* Which part the n-th command of t is, from 0. */
static enum part part_of(const struct task *t, size_t n)
{
    size_t settings = t->prepares ? 1 : 0, estimate = settings + t->n_settings + t->by_row;
    if (n < settings)
        return PART_PREPARE;
    if (n < estimate)
        return PART_SETTING;
    return t->estimate_sql && n == estimate ? PART_ESTIMATE : PART_STATEMENT;
}

static int send_setting(PGconn *c, const char *name, const char *value)
{
    const char *const params[] = {name, value};
    return PQsendQueryParams(c, "SELECT pg_catalog.set_config($1, $2, true)", 2, NULL, params, NULL, NULL, 0);
}

/* What goes before the statement itself. */
static int send_settings(const struct pipeline *p, const struct task *t)
{
    PGconn *c = p->conn;
    for (size_t i = 0; i < t->n_settings; i++)
        if (!send_setting(c, t->settings[i].name, t->settings[i].value))
            return 0;
    if (t->by_row && !send_setting(c, "statement_timeout", p->limits.stream_ms))
        return 0;
    return !t->estimate_sql ||
           PQsendQueryParams(c, t->estimate_sql, t->n_estimate_params, NULL, t->params, NULL, NULL, 0);
}

/*
 * A request that takes a statement which is not there yet prepares it. Others of the shape that come before its result
 * is there go without, since they could not run if it failed.
 */
static int send_task(struct pipeline *p, struct task *t)
{
    PGconn *c = p->conn;
    struct statement *s = t->statement;
    if (t->prepares && !PQsendPrepare(c, s->name, t->sql, 0, NULL))
        return 0;
    if (!send_settings(p, t))
        return 0;
    if (!s)
        return PQsendQueryParams(c, t->sql, t->n_params, NULL, t->params, NULL, NULL, 0);
    return PQsendQueryPrepared(c, s->name, t->n_params, t->params, NULL, NULL, 0);
}

/*
 * Asks libpq for single rows where its next result is one that is wanted so. It can be asked only between the result of
 * one command and that of the next, so this is called wherever the one may have ended, before the other is looked for.
 */
static void arm(struct pipeline *p)
{
    struct task *t = p->head;
    if (t && t->by_row && !t->armed && part_of(t, t->n_results) == PART_STATEMENT)
        t->armed = PQsetSingleRowMode(p->conn);
}

static void send_with_sync(struct pipeline *p, struct task *t)
{
    append(p, t);
    if (!p->broken && !(send_task(p, t) && PQpipelineSync(p->conn)))
        p->broken = true;
}

static void deallocated(struct task *t, const PGresult *r)
{
    if (r && PQresultStatus(r) == PGRES_FATAL_ERROR)
        log_warn("%s failed: %s", t->sql, PQresultErrorMessage(r));
    free(t->owner);
    free(t);
}

static void deallocate(struct pipeline *p, const char *name)
{
    struct task *t = mem_alloc(sizeof *t);
    struct buf sql;
    buf_init(&sql, 64);
    buf_printf(&sql, "DEALLOCATE %s", name);
    *t = (struct task){.sql = sql.data, .owner = sql.data, .done = deallocated};
    send_with_sync(p, t);
}

static void choose_statement(struct pipeline *p, struct task *t)
{
    t->prepares = false;
    t->statement = NULL;
    if (!t->keep_prepared)
        return;
    struct statement *s = statement_find(&p->statements, t->sql);
    if (s && s->state == STATEMENT_PREPARING)
        return;
    if (!s) {
        char displaced[sizeof s->name];
        s = statement_add(&p->statements, t->sql, displaced);
        if (*displaced)
            deallocate(p, displaced);
        t->prepares = s != NULL;
    }
    if (s)
        statement_take(s);
    t->statement = s;
}

/* What a result of this shape was like is the best guess of what it will be; the first one comes row by row. */
static bool may_be_large(const struct task *t)
{
    size_t row_size = t->statement ? t->statement->row_size : 0;
    if (!t->rows || t->most_rows == 1)
        return false;
    return t->most_rows < 0 || !row_size || (unsigned long long)t->most_rows > GATHERED_SIZE / row_size;
}

static void send_chosen(struct pipeline *p, struct task *t)
{
    choose_statement(p, t);
    t->by_row = may_be_large(t);
    send_with_sync(p, t);
}

void pipeline_send(struct pipeline *p, struct task *t)
{
    t->again = t->abandoned = t->flows = false;
    send_chosen(p, t);
}

void pipeline_pause(struct pipeline *p, bool pause)
{
    p->paused = pause;
    p->unread = !pause;
    p->heard_at = clock_ms();
}

void pipeline_abandon(struct pipeline *p, struct task *t)
{
    t->abandoned = true;
    if (t == p->head && p->paused)
        pipeline_pause(p, false); /* what is left of it must come, or nothing else can */
    pipeline_tend(p, clock_ms());
}

/* When the oldest is to be cancelled; INT64_MAX for never. */
static int64_t cancel_due(const struct pipeline *p)
{
    const struct task *t = p->head;
    if (!t || p->broken)
        return INT64_MAX;
    if (t->abandoned)
        return p->head_since + CANCEL_AFTER;
    if (t->by_row && !t->flows && p->limits.statement_ms) /* or else the server does it */
        return p->head_since + p->limits.statement_ms;
    return INT64_MAX;
}

/*
 * Only the oldest is running, so only it can be cancelled. A cancellation may come too early, before the server has
 * begun with it; so it is asked for again.
 */
int64_t pipeline_tend(struct pipeline *p, int64_t now)
{
    int64_t due = cancel_due(p);
    if (now < due)
        return due;
    bool asked_for_this = p->cancel_at >= p->head_since;
    if (!asked_for_this || now - p->cancel_at >= CANCEL_AGAIN) {
        p->head->overdue = !p->head->abandoned;
        cancel_running(p->conn);
        p->cancel_at = now;
    }
    return p->cancel_at + CANCEL_AGAIN;
}

static bool failed_with(const struct task *t, const char *const codes[])
{
    if (!t->result || PQresultStatus(t->result) != PGRES_FATAL_ERROR)
        return false;
    const char *code = pg_sqlstate(t->result);
    while (*codes && strcmp(*codes, code) != 0)
        codes++;
    return *codes;
}

static bool may_run_again(const struct task *t)
{
    return !t->again && !t->once && !t->flows && !t->abandoned;
}

/* The statement, not the request, is what failed: the server does not know it, or its result has another type now. */
static bool is_stale(const struct task *t)
{
    static const char *const codes[] = {"0A000", "26000", NULL};
    return t->statement && !t->prepares && failed_with(t, codes);
}

static void forget_stale(struct pipeline *p, struct task *t)
{
    struct statement *s = t->statement;
    bool known_to_server = strcmp(pg_sqlstate(t->result), "26000") != 0;
    if (s->state != STATEMENT_FORGOTTEN && known_to_server)
        deallocate(p, s->name);
    statement_forget(&p->statements, s);
}

/*
 * A cancellation that came too late for the task it was meant for hits the next one, which is innocent and runs again.
 * What ran into its own time limit took longer than this looks back.
 */
static bool is_hit_by_mistake(const struct pipeline *p, const struct task *t)
{
    static const char *const codes[] = {"57014", NULL};
    return !t->overdue && p->cancel_at && clock_ms() - p->cancel_at < CANCEL_STRAYS && failed_with(t, codes);
}

/*
 * A view was dropped between the moment when its name was looked up and the one when it was opened: Postgres calls that
 * an internal error. Asked again it knows the view no more, or answers.
 */
static bool is_overtaken(const struct task *t)
{
    static const char *const codes[] = {"XX000", NULL};
    return !t->overdue && failed_with(t, codes);
}

static void give_statement_back(struct pipeline *p, struct task *t)
{
    if (!t->statement)
        return;
    if (t->statement->state == STATEMENT_PREPARING) /* PREPARE failed, or was never answered */
        statement_forget(&p->statements, t->statement);
    statement_give_back(t->statement);
}

static void run_again(struct pipeline *p, struct task *t)
{
    give_statement_back(p, t);
    PQclear(t->estimate);
    PQclear(t->result);
    if (t->n_rows)
        t->rows(t, NULL);
    t->again = true;
    send_chosen(p, t);
}

/* How large its rows were, for the next one of its shape. */
static void learn_size(const struct task *t)
{
    int n = t->result && PQresultStatus(t->result) == PGRES_TUPLES_OK ? PQntuples(t->result) : 0;
    if (!t->statement || n + t->n_rows == 0)
        return;
    size_t size = t->size + (n ? PQresultMemorySize(t->result) : 0);
    t->statement->row_size = size / (size_t)(n + t->n_rows) + 1;
}

static void answer(struct pipeline *p, struct task *t)
{
    static const char *const doubtful[] = {"42P01", "42501", "42703", "0A000", "XX000", NULL};
    PGresult *r = t->result;
    learn_size(t);
    p->paused = false;
    if (failed_with(t, doubtful))
        p->doubt = true;
    give_statement_back(p, t);
    t->result = NULL;
    PGresult *estimate = t->estimate; /* t is its owner's again when it is done */
    t->done(t, r);
    PQclear(estimate);
    PQclear(r);
}

/* The oldest task's sync is here: nothing more comes for it. */
static void complete(struct pipeline *p)
{
    struct task *t = take_head(p);
    bool stale = is_stale(t);
    if (stale) {
        p->doubt = true;
        forget_stale(p, t);
    }
    if (may_run_again(t) && (stale || is_hit_by_mistake(p, t) || is_overtaken(t)))
        run_again(p, t);
    else
        answer(p, t);
}

/* A command of t went well. */
static void take_part(struct task *t, PGresult *r)
{
    switch (part_of(t, t->n_results++)) {
    case PART_PREPARE:
        t->statement->state = STATEMENT_PREPARED;
        PQclear(r);
        break;
    case PART_SETTING:
        PQclear(r);
        break;
    case PART_ESTIMATE:
        t->estimate = r;
        break;
    case PART_STATEMENT:
        t->result = r;
    }
}

static void take_row(struct task *t, PGresult *r)
{
    t->n_rows++;
    for (int i = 0; i < PQnfields(r); i++)
        t->size += (size_t)PQgetlength(r, 0, i);
    t->rows(t, r);
    PQclear(r);
}

static void take_result(struct pipeline *p, PGresult *r)
{
    struct task *t = p->head;
    ExecStatusType status = PQresultStatus(r);
    if (status == PGRES_SINGLE_TUPLE) {
        take_row(t, r);
    } else if (status == PGRES_PIPELINE_SYNC) {
        PQclear(r);
        complete(p);
    } else if (status == PGRES_PIPELINE_ABORTED || t->result)
        PQclear(r); /* the first that was said counts */
    else if (status == PGRES_FATAL_ERROR)
        t->result = r;
    else
        take_part(t, r);
}

/* Takes what was read already. */
static void take_results(struct pipeline *p)
{
    enum { MOST_SILENCE = 3 }; /* NULL ends the results of each command; more in a row would mean that nothing comes */
    for (int silence = 0; p->head && silence < MOST_SILENCE && !p->paused && !PQisBusy(p->conn); arm(p)) {
        PGresult *r = PQgetResult(p->conn);
        silence = r ? 0 : silence + 1;
        if (r)
            take_result(p, r);
    }
}

void pipeline_receive(struct pipeline *p)
{
    /* what a pause left comes first: libpq keeps it, and would keep more at each pause if more was read before */
    if (p->unread)
        take_results(p);
    if (p->paused)
        return;
    p->unread = false;
    if (!PQconsumeInput(p->conn))
        p->broken = true; /* but what came before is good */
    p->heard_at = clock_ms();
    take_results(p);
    if (PQstatus(p->conn) == CONNECTION_BAD)
        p->broken = true;
}

void pipeline_end(struct pipeline *p)
{
    while (p->head)
        answer(p, take_head(p));
    statements_clear(&p->statements);
    p->conn = NULL;
}
