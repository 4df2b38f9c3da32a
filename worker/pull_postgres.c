/*
 * Sources of kind "postgres": a table or query in a client's database, by a watermark or whole. Rows come in runs of
 * batchRecords, in the order of watermark and key, each run a part of the pull: a short read-only statement of its own,
 * so nothing is held open there.
 * What is new, watermark.h tells.
 */
#include <openssl/evp.h>
#include <poll.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/text.h"
#include "worker/quote.h"
#include "worker/secret.h"
#include "worker/source_kind.h"
#include "worker/spool.h"
#include "worker/watermark.h"

enum { LONGEST_SQL = 1 << 20, GRACE_MS = 10000, RUN_SUM = 32, MOST_RUNS = 2000 };

struct postgres_settings {
    const char *connection;
    struct secret password;
    const char *watermark; /* NULL: everything, at each pull */
    const char *key;
    const char *overlap; /* "" for none: an interval, or a number for watermarks that are numbers */
    long long statement_timeout_ms;
    const char *from; /* what stands behind FROM */
    const char *shown;
};

enum step { STEP_NONE, STEP_CONNECT, STEP_SET_UP, STEP_BEGIN, STEP_ROWS, STEP_TAKEN };

struct querying {
    enum step step;
    PGconn *c;
    struct arena arena;
    struct watermark_place place;
    const char *type; /* of the watermark, as SQL names it */
    long long deadline_ms;
    /* of the run that is being received */
    int fd;
    long long rows;
    const char *watermark, *key;
    EVP_MD_CTX *sum;
    char sha256[65];
    struct buf runs; /* of this pull, as in struct watermark_place */
    bool whole;      /* it was not taken up in its middle, so that runs can be compared */
    bool stored;     /* some run of it was */
};

static const char *const keys[] = {"connection", "password", "table", "query", "watermark",
                                   "key",        "overlap",  "every", "at",    "statementTimeout",
                                   "zone",       NULL};

static long long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* ---- configuration ---- */

/* "schema.table", or a query in brackets. */
static void load_from(struct postgres_settings *g, struct arena *a, const struct cfg *root)
{
    const char *table = cfg_string(root, "table", NULL), *query = cfg_string(root, "query", NULL);
    const char *dot = table ? strchr(table, '.') : NULL;
    if (!table == !query)
        cfg_error(root, "either \"table\" or \"query\" was expected");
    else if (table && (!dot || dot == table || !dot[1]))
        cfg_error(cfg_get(root, "table"), "schema and table were expected, such as \"public.orders\"");
    else if (table)
        g->from = arena_printf(a, "%s.%s", quote_name(a, arena_memdup(a, table, (size_t)(dot - table))),
                               quote_name(a, dot + 1));
    else
        g->from = arena_printf(a, "(%s\n)", query);
    g->shown = table ? table : "its query";
}

/* What stands in the source file is read by many; a password is not for them. */
static void check_connection(const struct postgres_settings *g, const struct cfg *root)
{
    char *problem = NULL;
    PQconninfoOption *options = *g->connection ? PQconninfoParse(g->connection, &problem) : NULL;
    if (problem)
        cfg_error(cfg_get(root, "connection"), "libpq does not take it: %.*s", (int)strcspn(problem, "\n"), problem);
    for (const PQconninfoOption *o = options; o && o->keyword; o++)
        if (o->val && strcmp(o->keyword, "password") == 0)
            cfg_error(cfg_get(root, "connection"), "the password must not stand here; name its place by \"password\"");
    PQconninfoFree(options);
    PQfreemem(problem);
}

static void load(struct source *s, struct arena *a, const struct cfg *root, const struct settings *settings)
{
    struct postgres_settings *g = arena_alloc(a, sizeof *g);
    char sum[65];
    (void)settings;
    g->connection = cfg_need_string(root, "connection");
    check_connection(g, root);
    if (cfg_get(root, "password")->present)
        secret_load(&g->password, cfg_get(root, "password"), NULL);
    load_from(g, a, root);
    g->key = cfg_need_string(root, "key");
    g->watermark = cfg_string(root, "watermark", NULL);
    g->overlap = cfg_string(root, "overlap", "");
    if (g->watermark && s->complete)
        cfg_error(cfg_get(root, "watermark"), "a pull by a watermark is not complete: leave out one of the two");
    if (*g->overlap && !g->watermark)
        cfg_error(cfg_get(root, "overlap"), "means nothing without \"watermark\"");
    g->statement_timeout_ms = cfg_duration_ms(root, "statementTimeout", "5min");
    if (cfg_get(root, "format")->present || cfg_get(root, "encoding")->present || cfg_get(root, "records")->present)
        cfg_error(cfg_get(root, "format"), "a database has none: each row is a record of JSON, by its columns' names");
    s->format = (struct format){.kind = FORMAT_NDJSON, .encoding = "UTF-8"};
    const char *place =
        arena_printf(a, "%s %s %s %s", g->connection, g->from ? g->from : "", g->key, g->watermark ? g->watermark : "");
    text_sha256(place, strlen(place), sum);
    s->identity = arena_memdup(a, sum, 16);
    s->settings = g;
}

/* ---- at work ---- */

static void open_querying(struct pull *p)
{
    struct querying *q = p->state = mem_alloc(sizeof *q);
    q->fd = -1;
    arena_init(&q->arena);
    buf_init(&q->runs, RUN_SUM * MOST_RUNS);
}

static void drop_run(struct querying *q)
{
    if (q->fd >= 0)
        close(q->fd);
    q->fd = -1;
    EVP_MD_CTX_free(q->sum);
    q->sum = NULL;
}

static void drop(struct pull *p)
{
    struct querying *q = p->state;
    drop_run(q);
    PQfinish(q->c);
    q->c = NULL;
    q->step = STEP_NONE;
}

static void release(struct pull *p)
{
    drop(p);
    struct querying *q = p->state;
    arena_release(&q->arena);
    buf_release(&q->runs);
    free(q);
}

static enum pull_result fail(struct pull *p, const char *sqlstate, const char *message)
{
    const struct postgres_settings *g = p->source->settings;
    bool for_good =
        strncmp(sqlstate, "42", 2) == 0 || strncmp(sqlstate, "0A", 2) == 0 || strncmp(sqlstate, "22", 2) == 0;
    pull_tell(p, "%s: %.*s%s%s%s", g->shown, (int)strcspn(message, "\n"), message, *sqlstate ? " (SQLSTATE " : "",
              sqlstate, *sqlstate ? ")" : "");
    drop(p);
    return for_good ? PULL_STOP : PULL_WAIT;
}

static enum pull_result fail_result(struct pull *p, const struct querying *q, const PGresult *r)
{
    const char *message = r ? PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    return fail(p, pg_sqlstate(r), message ? message : PQerrorMessage(q->c));
}

static enum pull_result busy(struct pull *p, const struct querying *q, short events)
{
    p->fd = PQsocket(q->c);
    p->events = events;
    p->look_at_ms = q->deadline_ms;
    return PULL_BUSY;
}

static enum pull_result begin_connect(struct pull *p, struct querying *q)
{
    const struct postgres_settings *g = p->source->settings;
    const char *problem = NULL, *password = NULL;
    arena_reset(&q->arena);
    if (g->password.env || g->password.file)
        password = secret_read(&g->password, &q->arena, &problem);
    if (problem) {
        pull_tell(p, "%s", problem);
        return PULL_WAIT;
    }
    const char *const names[] = {"dbname", "client_encoding", "application_name", password ? "password" : NULL, NULL};
    const char *const values[] = {g->connection, "UTF8", "oriel " ORIEL_VERSION, password, NULL};
    watermark_parse(&q->place, &q->arena, p->position.at);
    buf_reset(&q->runs);
    q->whole = !q->place.key;
    q->stored = false;
    q->c = PQconnectStartParams(names, values, 1);
    q->deadline_ms = now_ms() + GRACE_MS;
    if (!q->c || PQstatus(q->c) == CONNECTION_BAD)
        return fail(p, "", q->c ? PQerrorMessage(q->c) : "out of memory");
    PQsetNoticeReceiver(q->c, pg_log_notice, NULL);
    q->step = STEP_CONNECT;
    return busy(p, q, POLLOUT);
}

static enum pull_result send(struct pull *p, struct querying *q, enum step step, const char *sql, int n,
                             const char *const *params)
{
    const struct postgres_settings *g = p->source->settings;
    int sent =
        step == STEP_SET_UP ? PQsendQuery(q->c, sql) : PQsendQueryParams(q->c, sql, n, NULL, params, NULL, NULL, 0);
    if (!sent || (step == STEP_ROWS && !PQsetSingleRowMode(q->c)))
        return fail(p, "", PQerrorMessage(q->c));
    q->step = step;
    q->deadline_ms = now_ms() + g->statement_timeout_ms + GRACE_MS; /* the server's own limit comes first */
    return busy(p, q, POLLIN);
}

static enum pull_result set_up(struct pull *p, struct querying *q)
{
    const struct postgres_settings *g = p->source->settings;
    const char *sql = arena_printf(&q->arena,
                                   "SET default_transaction_read_only = on; SET statement_timeout = %lld;"
                                   "SET datestyle = 'ISO'; SET intervalstyle = 'postgres'; SET timezone = 'UTC';"
                                   "SET extra_float_digits = 3",
                                   g->statement_timeout_ms);
    return send(p, q, STEP_SET_UP, sql, 0, NULL);
}

/* A mark, and what kind of thing the watermark is. */
static enum pull_result ask_mark(struct pull *p, struct querying *q)
{
    const struct postgres_settings *g = p->source->settings;
    static const char snapshot[] = "SELECT pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::text,"
                                   " pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text";
    const char *mark = g->watermark ? quote_name(&q->arena, g->watermark) : "";
    const char *sql = g->watermark ? arena_printf(&q->arena,
                                                  "%s, pg_catalog.pg_typeof(pg_catalog.max(q.%s))::text,"
                                                  " pg_catalog.max(q.%s)::text FROM %s q",
                                                  snapshot, mark, mark, g->from)
                                   : arena_printf(&q->arena, "%s, NULL, NULL", snapshot);
    return send(p, q, STEP_BEGIN, sql, 0, NULL);
}

static bool is_number(const char *type)
{
    static const char *const numbers[] = {"smallint", "integer", "bigint", "numeric", "real", "double precision"};
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
        if (strcmp(type, numbers[i]) == 0)
            return true;
    return false;
}

/* Adds where the rows begin. Returns how many parameters that takes. */
static int put_beginning(const struct querying *q, const struct postgres_settings *g, struct buf *sql, const char *mark,
                         const char *key, const char **params)
{
    const char *lower = mark ? watermark_begin(&q->place, g->overlap) : NULL;
    int n = 0;
    if (q->place.key && mark) {
        buf_printf(sql, " WHERE (q.%s, q.%s) > ($1, $2)", mark, key);
        params[n++] = q->place.watermark;
        params[n++] = q->place.key;
    } else if (q->place.key) {
        buf_printf(sql, " WHERE q.%s > $1", key);
        params[n++] = q->place.key;
    } else if (lower && *g->overlap) {
        buf_printf(sql, " WHERE q.%s >= ($1::%s - $2::%s)::%s", mark, q->type,
                   is_number(q->type) ? "numeric" : "interval", q->type);
        params[n++] = lower;
        params[n++] = g->overlap;
    } else if (lower) {
        buf_printf(sql, " WHERE q.%s >= $1", mark);
        params[n++] = lower;
    } else if (mark)
        buf_printf(sql, " WHERE q.%s IS NOT NULL", mark);
    return n;
}

/* The rows behind the last one, or from where the pull begins. */
static enum pull_result ask_rows(struct pull *p, struct querying *q)
{
    const struct postgres_settings *g = p->source->settings;
    struct arena *a = &q->arena;
    struct buf sql;
    const char *params[2], *key = quote_name(a, g->key), *mark = g->watermark ? quote_name(a, g->watermark) : NULL;
    buf_init(&sql, LONGEST_SQL);
    buf_printf(&sql, "SELECT pg_catalog.row_to_json(q)::text, q.%s::text, %s%s%s FROM %s q", key, mark ? "q." : "NULL",
               mark ? mark : "", mark ? "::text" : "", g->from);
    int n = put_beginning(q, g, &sql, mark, key, params);
    buf_printf(&sql, " ORDER BY %s%s%sq.%s LIMIT %lld", mark ? "q." : "", mark ? mark : "", mark ? ", " : "", key,
               p->source->batch_records);
    const char *text = arena_strdup(a, buf_str(&sql));
    buf_release(&sql);
    q->fd = spool_open();
    q->sum = EVP_MD_CTX_new();
    q->rows = 0;
    q->watermark = q->key = NULL;
    if (q->fd < 0 || !EVP_DigestInit_ex(q->sum, EVP_sha256(), NULL))
        return fail(p, "", "what comes cannot be kept (the log says why)");
    return send(p, q, STEP_ROWS, text, n, params);
}

static enum pull_result begin_rows(struct pull *p, struct querying *q, const PGresult *r)
{
    if (PQresultStatus(r) != PGRES_TUPLES_OK || !PQntuples(r))
        return fail_result(p, q, r);
    q->type = arena_strdup(&q->arena, PQgetvalue(r, 0, 2));
    if (!q->place.xmin) { /* a pull that is taken up again keeps the mark that it began with */
        q->place.xmin = arena_strdup(&q->arena, PQgetvalue(r, 0, 0));
        q->place.xmax = arena_strdup(&q->arena, PQgetvalue(r, 0, 1));
        q->place.high = PQgetisnull(r, 0, 3) ? NULL : arena_strdup(&q->arena, PQgetvalue(r, 0, 3));
    }
    return ask_rows(p, q);
}

/* ---- receiving ---- */

static int keep_row(struct querying *q, const PGresult *r, struct arena *a)
{
    const char *json = PQgetvalue(r, 0, 0);
    size_t n = (size_t)PQgetlength(r, 0, 0);
    if (PQgetisnull(r, 0, 1))
        return -1;
    /* a value of type json comes as it was written; its line ends are no more than white space */
    char *line = arena_memdup(a, json, n + 1);
    for (size_t i = 0; i < n; i++)
        if (line[i] == '\n' || line[i] == '\r')
            line[i] = ' ';
    line[n] = '\n';
    q->rows++;
    q->key = arena_strdup(a, PQgetvalue(r, 0, 1));
    q->watermark = PQgetisnull(r, 0, 2) ? NULL : arena_strdup(a, PQgetvalue(r, 0, 2));
    EVP_DigestUpdate(q->sum, line, n + 1);
    return spool_write(q->fd, line, n + 1);
}

static void finish_sum(struct querying *q)
{
    unsigned char digest[32];
    EVP_DigestFinal_ex(q->sum, digest, NULL);
    EVP_MD_CTX_free(q->sum);
    q->sum = NULL;
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(q->sha256 + 2 * i, 3, "%02x", digest[i]);
}

/* Puts the run's sum down. Whether it is what it was in the last pull. */
static bool is_known_run(struct querying *q)
{
    size_t at = q->runs.len;
    buf_put(&q->runs, q->sha256, RUN_SUM);
    return q->whole && !q->runs.failed && q->place.runs && strlen(q->place.runs) >= at + RUN_SUM &&
           memcmp(q->place.runs + at, q->sha256, RUN_SUM) == 0;
}

static void move_behind(struct querying *q)
{
    q->place.watermark = q->watermark ? arena_strdup(&q->arena, q->watermark) : NULL;
    q->place.key = q->key ? arena_strdup(&q->arena, q->key) : NULL;
}

/* A run that is as it was the last time is passed by; where it is the last one, and others were stored, none of it is
 * left of the part that ends the pull. */
static enum pull_result take_rows(struct pull *p, struct querying *q, struct delivery *d)
{
    const struct postgres_settings *g = p->source->settings;
    finish_sum(q);
    bool more = q->rows == p->source->batch_records, known = is_known_run(q);
    if (p->source->complete && (more || q->stored)) /* what is passed by would look as if it were gone */
        known = false;
    if (known && more) {
        drop_run(q);
        move_behind(q);
        return ask_rows(p, q);
    }
    if (known && !q->stored) {
        drop_run(q);
        return PULL_NOTHING;
    }
    int fd = q->fd;
    q->fd = -1;
    if (known && ftruncate(fd, 0) < 0)
        log_errno("cannot empty a temporary file"); /* then what is known comes again */
    d->more = more;
    d->more_unless_empty = false;
    q->stored = true;
    q->step = STEP_TAKEN;
    if (pull_take_part(p, d, fd, g->shown, q->sha256) == 0)
        return PULL_OPEN;
    return fail(p, "", "what came cannot be read (the log says why)");
}

/* All rows that are here. */
static enum pull_result receive_rows(struct pull *p, struct querying *q, struct delivery *d)
{
    struct arena last[2];
    arena_init(&last[0]);
    arena_init(&last[1]);
    enum pull_result result = PULL_BUSY;
    int side = 0;
    while (result == PULL_BUSY && !PQisBusy(q->c)) {
        PGresult *r = PQgetResult(q->c);
        ExecStatusType status = PQresultStatus(r);
        if (!r)
            result = take_rows(p, q, d);
        else if (status == PGRES_SINGLE_TUPLE) {
            side = !side;
            arena_reset(&last[side]);
            if (keep_row(q, r, &last[side]) < 0)
                result = fail(p, "", "a row has no key, or cannot be kept (the log says more)");
        } else if (status != PGRES_TUPLES_OK)
            result = fail_result(p, q, r);
        PQclear(r);
    }
    /* beyond this call only the last row's place is needed */
    if (q->key)
        q->key = arena_strdup(&q->arena, q->key);
    if (q->watermark)
        q->watermark = arena_strdup(&q->arena, q->watermark);
    arena_release(&last[0]);
    arena_release(&last[1]);
    return result == PULL_BUSY ? busy(p, q, POLLIN) : result;
}

/* The result of a statement that has one; NULL while it has not come. */
static enum pull_result receive_one(struct pull *p, struct querying *q)
{
    if (PQisBusy(q->c))
        return busy(p, q, POLLIN);
    PGresult *r = PQgetResult(q->c), *rest;
    while ((rest = PQgetResult(q->c))) { /* SET after SET: what failed last is told */
        PQclear(r);
        r = rest;
    }
    ExecStatusType status = PQresultStatus(r);
    enum pull_result result;
    if (q->step == STEP_SET_UP)
        result = status == PGRES_COMMAND_OK ? ask_mark(p, q) : fail_result(p, q, r);
    else
        result = begin_rows(p, q, r);
    PQclear(r);
    return result;
}

static enum pull_result connect_on(struct pull *p, struct querying *q)
{
    switch (PQconnectPoll(q->c)) {
    case PGRES_POLLING_READING:
        return busy(p, q, POLLIN);
    case PGRES_POLLING_WRITING:
        return busy(p, q, POLLOUT);
    case PGRES_POLLING_OK:
        return set_up(p, q);
    case PGRES_POLLING_FAILED:
    case PGRES_POLLING_ACTIVE:
        break;
    }
    return fail(p, "", PQerrorMessage(q->c));
}

static enum pull_result look(struct pull *p, struct session *s, struct delivery *d)
{
    struct querying *q = p->state;
    (void)s;
    if (q->step == STEP_NONE)
        return begin_connect(p, q);
    if (q->step == STEP_CONNECT && now_ms() < q->deadline_ms)
        return connect_on(p, q);
    if (q->step == STEP_TAKEN) {
        move_behind(q);
        return ask_rows(p, q);
    }
    if (now_ms() >= q->deadline_ms)
        return fail(p, "", "no answer came in time");
    if (!PQconsumeInput(q->c))
        return fail_result(p, q, NULL);
    return q->step == STEP_ROWS ? receive_rows(p, q, d) : receive_one(p, q);
}

static const char *next(struct pull *p, const struct delivery *d, bool last, struct arena *a)
{
    const struct postgres_settings *g = p->source->settings;
    const struct querying *q = p->state;
    (void)d;
    struct watermark_place to = q->place;
    if (last) {
        to = g->watermark ? watermark_behind(&to) : (struct watermark_place){0};
        to.runs = q->whole && !q->runs.failed ? buf_str(&q->runs) : NULL;
    } else {
        to.watermark = q->watermark;
        to.key = q->key;
        to.runs = NULL;
    }
    return watermark_text(&to, a);
}

const struct source_kind source_kind_postgres = {.name = "postgres",
                                                 .keys = keys,
                                                 .pulled = true,
                                                 .load = load,
                                                 .open = open_querying,
                                                 .release = release,
                                                 .drop = drop,
                                                 .look = look,
                                                 .next = next};
