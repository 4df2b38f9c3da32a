#include "worker/session.h"

#include <stdarg.h>

#include "lib/settings.h"
#include "lib/text.h"

/*
 * The last statement has malloc in the backend keep memory for the next batch. A batch takes and gives back megabytes;
 * glibc would hand each of these to the kernel, whose page faults were two thirds of what keeping raw cost. It learns
 * from the largest block given back, up to 32 MiB, that such sizes come again, and then keeps up to twice as much.
 * Another malloc learns nothing from it. (M_MMAP_THRESHOLD, mallopt(3))
 *
 * JIT compiles a statement for longer than a batch's statement runs. A plan for the parameters at hand copies them four
 * times: a batch's raw records are megabytes. Joins of a batch's rows are to stay in memory. The other planner settings
 * belong to single statements and stand with them (merge_sql.c).
 */
static const char session_settings[] = "SET jit = off; SET plan_cache_mode = force_generic_plan; SET work_mem = "
                                       "'32MB'; SET client_min_messages = warning; "
                                       "SELECT pg_catalog.length(pg_catalog.repeat(' ', 30000000))";

static const struct {
    const char *prefix; /* of the SQLSTATE */
    enum remedy remedy;
} remedies[] = {
    {"08", REMEDY_RETRY},   /* connection */
    {"0A", REMEDY_STOP},    /* feature not supported */
    {"22", REMEDY_RECORDS}, /* data exception */
    {"23", REMEDY_RECORDS}, /* integrity constraint */
    {"25", REMEDY_RETRY},   /* transaction state: read-only after a failover, ended by a timeout */
    {"40", REMEDY_RETRY},   /* rollback: deadlock, serialization */
    {"42", REMEDY_STOP},    /* names, types, rights */
    {"53", REMEDY_RETRY},   /* resources: disk full, memory, connections */
    {"54", REMEDY_RECORDS}, /* limits: a value too long for an index */
    {"55", REMEDY_RETRY},   /* lock not available, object in use */
    {"57", REMEDY_RETRY},   /* operator: shutdown, cancel */
    {"58", REMEDY_RETRY},   /* system: I/O */
};

enum remedy failure_remedy(const struct failure *f)
{
    if (!*f->sqlstate)
        return REMEDY_NONE;
    for (size_t i = 0; i < ARRAY_SIZE(remedies); i++)
        if (strncmp(remedies[i].prefix, f->sqlstate, 2) == 0)
            return remedies[i].remedy;
    return REMEDY_STOP;
}

static void copy_text(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from ? from : "");
    to[text_utf8_valid(to, strlen(to))] = 0; /* it may have been cut inside a character */
}

void failure_set(struct failure *f, const char *sqlstate, const char *doing, const char *format, ...)
{
    *f = (struct failure){.doing = doing};
    copy_text(f->sqlstate, sizeof f->sqlstate, sqlstate);
    va_list args;
    va_start(args, format);
    vsnprintf(f->message, sizeof f->message, format, args);
    va_end(args);
    f->message[text_utf8_valid(f->message, strlen(f->message))] = 0;
}

/* Takes what Postgres says of a failed statement, or what libpq says of a lost connection. */
static void keep_failure(struct session *s, const PGresult *r, const char *doing)
{
    const char *message = r ? PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    const char *detail = r ? PQresultErrorField(r, PG_DIAG_MESSAGE_DETAIL) : NULL;
    const char *context = r ? PQresultErrorField(r, PG_DIAG_CONTEXT) : NULL;
    const char *sqlstate = PQstatus(s->c) == CONNECTION_BAD ? "08006" : pg_sqlstate(r);
    /* only COPY's context tells more than the statement that we know: line and column */
    if (context && strncmp(context, "COPY", 4) != 0)
        context = NULL;
    if (!message)
        message = PQerrorMessage(s->c);
    failure_set(&s->failure, sqlstate, doing, "%.*s%s%s%s%s", (int)strcspn(message, "\n"), message, detail ? ". " : "",
                detail ? detail : "", context ? ". " : "", context ? context : "");
    if (r) {
        copy_text(s->failure.column, sizeof s->failure.column, PQresultErrorField(r, PG_DIAG_COLUMN_NAME));
        copy_text(s->failure.constraint, sizeof s->failure.constraint, PQresultErrorField(r, PG_DIAG_CONSTRAINT_NAME));
    }
}

/* The result of what was sent: of several statements the last one's, or the first that failed. */
static PGresult *receive(struct session *s)
{
    PGresult *last = NULL;
    for (PGresult *r; (r = PQgetResult(s->c));) {
        PQclear(last);
        last = r;
    }
    return last;
}

PGresult *session_receive(struct session *s, const char *doing, int sent)
{
    PGresult *r = sent ? receive(s) : NULL;
    ExecStatusType status = PQresultStatus(r);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY)
        return r;
    keep_failure(s, r, doing);
    PQclear(r);
    return NULL;
}

int session_open(struct session *s, const char *conninfo)
{
    struct pg_target target;
    pg_target_init(&target, conninfo, ROLE_WRITER, "oriel work " ORIEL_VERSION);
    *s = (struct session){.c = pg_connect(&target)};
    if (!s->c)
        return -1;
    if (pg_run(s->c, "setting up the loader's session", session_settings, 0, NULL) == 0)
        return 0;
    session_close(s);
    return -1;
}

void session_close(struct session *s)
{
    PQfinish(s->c);
    s->c = NULL;
}

PGresult *session_query(struct session *s, const char *doing, const char *sql, int n, const char *const *params)
{
    return session_receive(s, doing, PQsendQueryParams(s->c, sql, n, NULL, params, NULL, NULL, 0));
}

int session_send_binary(struct session *s, const char *sql, int n, const struct parameter *params, bool binary_result)
{
    const char *values[16];
    int lengths[16], formats[16];
    for (int i = 0; i < n && i < 16; i++) {
        values[i] = params[i].value;
        lengths[i] = params[i].len;
        formats[i] = params[i].binary;
    }
    return PQsendQueryParams(s->c, sql, n, NULL, values, lengths, formats, binary_result);
}

PGresult *session_query_binary(struct session *s, const char *doing, const char *sql, int n,
                               const struct parameter *params, bool binary_result)
{
    return session_receive(s, doing, session_send_binary(s, sql, n, params, binary_result));
}

PGresult *session_query_prepared(struct session *s, const char *doing, const char *name, int n,
                                 const char *const *params)
{
    return session_receive(s, doing, PQsendQueryPrepared(s->c, name, n, params, NULL, NULL, 0));
}

int session_run(struct session *s, const char *doing, const char *sql, int n, const char *const *params)
{
    PGresult *r = session_query(s, doing, sql, n, params);
    PQclear(r);
    return r ? 0 : -1;
}

PGresult *session_script(struct session *s, const char *doing, const char *sql)
{
    return session_receive(s, doing, PQsendQuery(s->c, sql));
}

int session_copy(struct session *s, const char *doing, const char *sql, const char *data, size_t len)
{
    enum { AT_ONCE = 64 << 10 };
    PGresult *r = PQexec(s->c, sql);
    if (PQresultStatus(r) != PGRES_COPY_IN) {
        keep_failure(s, r, doing);
        PQclear(r);
        return -1;
    }
    PQclear(r);
    bool sent = true;
    for (size_t done = 0; sent && done < len; done += AT_ONCE)
        sent = PQputCopyData(s->c, data + done, len - done < AT_ONCE ? (int)(len - done) : AT_ONCE) == 1;
    sent = sent && PQputCopyEnd(s->c, NULL) == 1;
    if (!sent)
        keep_failure(s, NULL, doing);
    bool ok = sent;
    while ((r = PQgetResult(s->c))) {
        if (ok && PQresultStatus(r) != PGRES_COMMAND_OK) {
            keep_failure(s, r, doing);
            ok = false;
        }
        s->copied = ok ? strtoll(PQcmdTuples(r), NULL, 10) : 0;
        PQclear(r);
        if (PQstatus(s->c) == CONNECTION_BAD)
            break;
    }
    return ok ? 0 : -1;
}

long long session_integer(const PGresult *r, int row, int column)
{
    return strtoll(PQgetvalue(r, row, column), NULL, 10);
}

const char *session_array(struct arena *a, const char *const *items, size_t n)
{
    struct buf b;
    buf_init(&b, 1 << 24);
    buf_putc(&b, '{');
    for (size_t i = 0; i < n; i++) {
        buf_puts(&b, i ? ",\"" : "\"");
        for (const char *p = items[i]; *p; p++) {
            if (*p == '"' || *p == '\\')
                buf_putc(&b, '\\');
            buf_putc(&b, *p);
        }
        buf_putc(&b, '"');
    }
    buf_putc(&b, '}');
    const char *s = arena_strdup(a, buf_str(&b));
    buf_release(&b);
    return s;
}
