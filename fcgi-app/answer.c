#include "fcgi-app/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi-app/deprecation.h"
#include "fcgi-app/page.h"
#include "fcgi-app/sqlstate.h"
#include "fcgi-app/validator.h"
#include "lib/log.h"

enum {
    LARGEST_HEAD = 256 * 1024, /* a Content-Location is as long as a URL may be, three times over when escaped */
    KEPT_BODY = 1 << 20,       /* a larger body's memory is given back before the next request */
    US_PER_MS = 1000
};

static const struct api_error troubles[] = {
    [TROUBLE_NO_DATABASE] = {503, "PGRST001", "The database cannot be reached", NULL, "Try again in a moment."},
    [TROUBLE_BUSY] = {503, "ORIEL004", "Too many requests are under way", NULL, "Try again in a moment."},
    [TROUBLE_URL_TOO_LONG] = {414, "ORIEL003", "The URL is too long", NULL, "Put fewer values into one request."},
    [TROUBLE_TOO_LARGE] = {507, "ORIEL002", "The answer is too large", NULL,
                           "Ask for fewer rows or columns: use limit and select."},
    [TROUBLE_BROKEN_PLAN] = {500, "ORIEL005", "The database's answer has not the columns that were asked for", NULL,
                             NULL},
};

static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {206, "Partial Content"},
        {300, "Multiple Choices"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {414, "URI Too Long"},
        {416, "Range Not Satisfiable"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Other";
}

void answer_init(struct answer *a, size_t max_body, int retry_after)
{
    *a = (struct answer){.retry_after = retry_after};
    buf_init(&a->head, LARGEST_HEAD);
    buf_init(&a->body, max_body);
}

void answer_release(struct answer *a)
{
    buf_release(&a->head);
    buf_release(&a->body);
}

void answer_begin(struct answer *a)
{
    if (a->body.size > KEPT_BODY)
        buf_release(&a->body);
    buf_reset(&a->body);
}

static void start_head(struct answer *a, int status)
{
    buf_reset(&a->head);
    a->status = status;
    buf_puts(&a->head, "Status: ");
    buf_put_integer(&a->head, status);
    buf_putc(&a->head, ' ');
    buf_puts(&a->head, reason_of(status));
    buf_puts(&a->head, "\r\n");
}

static void start(struct answer *a, int status)
{
    answer_begin(a);
    start_head(a, status);
}

/* What strangers sent may come back in a value: no byte of it can end the line. */
static void put_header(struct answer *a, const char *name, const char *value)
{
    if (!value)
        return;
    buf_puts(&a->head, name);
    buf_puts(&a->head, ": ");
    for (size_t n; *value; value += n) {
        for (n = 0; (unsigned char)value[n] >= 0x20 && value[n] != 0x7f; n++)
            ;
        buf_put(&a->head, value, n);
        n += value[n] != 0;
    }
    buf_puts(&a->head, "\r\n");
}

static void put_number(struct answer *a, const char *before, long long n, const char *behind)
{
    buf_puts(&a->head, before);
    buf_put_integer(&a->head, n);
    buf_puts(&a->head, behind);
}

/* Headers that every answer has. Caches must tell requests apart by what the answer depends on (RFC 9110, 12.5.5). */
static void put_common_headers(struct answer *a, const struct plan *p)
{
    buf_puts(&a->head, p && p->profile ? "Vary: Accept, Accept-Profile, Prefer, Range" : "Vary: Accept, Prefer, Range");
    buf_puts(&a->head, p && p->cors.varies ? ", Origin" : "");
    buf_puts(&a->head, p && p->takes_tokens ? ", Authorization\r\n" : "\r\n");
    if (!p)
        return;
    cors_headers(&a->head, &p->cors);
    put_header(a, "Content-Profile", p->profile);
    put_header(a, "Allow", p->allow);
    buf_puts(&a->head, p->end_headers ? p->end_headers : "");
}

/* next: as struct rows has it. */
static void put_link(struct answer *a, const struct plan *p, const char *next)
{
    if (p)
        deprecation_link(&a->head, p->successor_link, next);
}

/* Ends the headers. A HEAD request's answer has no body, and so none is announced either. */
static void finish(struct answer *a, const struct plan *p)
{
    if (p && p->head)
        buf_reset(&a->body);
    else
        put_number(a, "Content-Length: ", (long long)a->body.len, "\r\n");
    buf_puts(&a->head, "\r\n");
}

/* next: what the rows, where they are known, say. A cache takes each header of this answer for that of the one it holds
 * (RFC 9111, section 3.2): a Link that is not whole would take the next page away, none leaves it. */
static void answer_not_modified(struct answer *a, const struct plan *p, const struct validator *v, const char *next)
{
    start(a, 304);
    put_common_headers(a, p);
    if (next || !p->pages)
        put_link(a, p, next);
    put_header(a, "Content-Location", p->content_location);
    validator_headers(&a->head, v, p);
    buf_puts(&a->head, "\r\n");
}

bool answer_unchanged(struct answer *a, const struct plan *p)
{
    struct validator v;
    validator_of_version(&v, p);
    if (!validator_matches(&v, p))
        return false;
    answer_not_modified(a, p, &v, NULL);
    return true;
}

/* Ends an answer with a body that a client may hold already: then it is told so instead. total, next: as for the tag.
 */
static void finish_or_not_modified(struct answer *a, const struct plan *p, const char *media_type, long long total,
                                   const char *next)
{
    struct validator v = {0};
    if (p->version && p->version->known)
        validator_of_version(&v, p);
    else
        entity_tag_make(v.tag, &a->body, media_type, total, next);
    if (validator_matches(&v, p)) {
        answer_not_modified(a, p, &v, next);
        return;
    }
    validator_headers(&a->head, &v, p);
    finish(a, p);
}

static void put_member(struct buf *b, const char *key, const char *value)
{
    buf_puts(b, key);
    if (value)
        buf_json_string(b, value, strlen(value));
    else
        buf_puts(b, "null");
}

/* RFC 6750, section 3. The messages of these errors are ours, without quotes. */
static void put_challenge(struct answer *a, const struct api_error *e)
{
    if (strcmp(e->code, "PGRST302") == 0)
        put_header(a, "WWW-Authenticate", "Bearer");
    else
        buf_printf(&a->head, "WWW-Authenticate: Bearer error=\"invalid_token\", error_description=\"%s\"\r\n",
                   e->message);
}

/* total: what Content-Range tells where a range was refused; NULL otherwise. */
static void answer_error(struct answer *a, const struct plan *p, const struct api_error *e, const char *total)
{
    start(a, e->status);
    put_header(a, "Content-Type", "application/json; charset=utf-8");
    put_common_headers(a, p);
    put_link(a, p, NULL);
    put_header(a, "Content-Range", total);
    if (e->status == 503)
        buf_printf(&a->head, "Retry-After: %d\r\n", a->retry_after);
    if (e->status == 401)
        put_challenge(a, e);
    put_member(&a->body, "{\"code\":", e->code);
    put_member(&a->body, ",\"message\":", e->message);
    if (e->details_are_json)
        buf_printf(&a->body, ",\"details\":%s", e->details);
    else
        put_member(&a->body, ",\"details\":", e->details);
    put_member(&a->body, ",\"hint\":", e->hint);
    buf_putc(&a->body, '}');
    finish(a, p);
}

void answer_trouble(struct answer *a, const struct plan *p, enum answer_trouble trouble)
{
    answer_error(a, p, &troubles[trouble], NULL);
}

static void answer_document(struct answer *a, const struct plan *p)
{
    const char *type =
        p->media == MEDIA_OPENAPI ? "application/openapi+json; charset=utf-8" : "application/json; charset=utf-8";
    start(a, 200);
    put_header(a, "Content-Type", type);
    put_common_headers(a, p);
    buf_put(&a->body, p->document->text, p->document->length);
    finish_or_not_modified(a, p, type, -1, NULL);
}

void answer_plan(struct answer *a, const struct plan *p)
{
    if (p->kind == PLAN_ERROR) {
        answer_error(a, p, &p->error, NULL);
        return;
    }
    if (p->kind == PLAN_DOCUMENT) {
        answer_document(a, p);
        return;
    }
    start(a, 200);
    put_common_headers(a, p);
    put_link(a, p, NULL);
    finish(a, p);
}

void answer_text(struct answer *a, const char *media_type)
{
    start_head(a, 200);
    put_header(a, "Content-Type", media_type);
    put_header(a, "Cache-Control", "no-store");
    finish(a, NULL);
}

void answer_failure(struct answer *a, const struct plan *p, const PGresult *r)
{
    const char *code = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    if (!code) { /* libpq's own: the connection broke */
        answer_trouble(a, p, TROUBLE_NO_DATABASE);
        return;
    }
    const struct sqlstate_rule *rule = sqlstate_find(code);
    const char *message = rule->pass ? PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    struct api_error e = {
        rule->status, rule->code ? rule->code : code, message ? message : rule->message, NULL, rule->hint, false};
    answer_error(a, p, &e, NULL);
}

/* "0-99/250", "*" for what is unknown or not there: the form of RFC 9110, 14.4, with the unit left out as PostgREST
 * does. */
static void put_content_range(struct answer *a, const struct plan *p, const struct page *page)
{
    buf_puts(&a->head, "Content-Range: ");
    if (page->rows > 0 && !p->after) { /* behind a cursor nobody has counted */
        put_number(a, "", p->offset, "-");
        put_number(a, "", p->offset + page->rows - 1, "");
    } else {
        buf_putc(&a->head, '*');
    }
    if (page->total >= 0)
        put_number(a, "/", page->total, "\r\n");
    else
        buf_puts(&a->head, "/*\r\n");
}

static void answer_not_one(struct answer *a, const struct plan *p, long long rows)
{
    char details[64];
    snprintf(details, sizeof details, "The result contains %lld rows", rows);
    struct api_error e = {406, "PGRST116", "Cannot coerce the result to a single JSON object", details, NULL, false};
    if (p->key_path) {
        e.status = 404;
        e.message = "No row has this key";
    }
    answer_error(a, p, &e, NULL);
}

static void answer_past_the_end(struct answer *a, const struct plan *p, const struct page *page)
{
    char details[128], total[32];
    snprintf(details, sizeof details, "An offset of %lld was requested, but there are only %lld rows.", p->offset,
             page->total);
    snprintf(total, sizeof total, "*/%lld", page->total);
    struct api_error e = {416, "PGRST103", "Requested range not satisfiable", details, NULL, false};
    answer_error(a, p, &e, total);
}

static const char *content_type(const struct plan *p)
{
    static const char *const types[][2] = {
        [MEDIA_JSON] = {"application/json; charset=utf-8", "application/json; nulls=stripped; charset=utf-8"},
        [MEDIA_OBJECT] = {"application/vnd.pgrst.object+json; charset=utf-8",
                          "application/vnd.pgrst.object+json; nulls=stripped; charset=utf-8"},
        [MEDIA_CSV] = {"text/csv; charset=utf-8"},
    };
    return types[p->media][p->strip_nulls];
}

static void put_rows_headers(struct answer *a, const struct plan *p, const struct page *page, const char *next)
{
    put_header(a, "Content-Type", content_type(p));
    put_common_headers(a, p);
    put_link(a, p, next);
    if (!p->key_path)
        put_content_range(a, p, page);
    put_header(a, "Content-Location", p->content_location);
    put_header(a, "Preference-Applied", p->preference_applied);
}

void answer_rows(struct answer *a, const struct rows *w, const PGresult *estimate)
{
    const struct plan *p = w->plan;
    if (w->misfit) {
        log_error("the result has other columns than the %zu of the plan: %s", p->n_columns, p->sql);
        answer_trouble(a, p, TROUBLE_BROKEN_PLAN);
        return;
    }
    struct page page = page_of(p, w->n, w->total, estimate);
    if (page.exact && p->offset > page.total) {
        answer_past_the_end(a, p, &page);
        return;
    }
    if (rows_is_single(p) && page.rows != 1) {
        answer_not_one(a, p, page.rows);
        return;
    }
    rows_end(w, &a->body);
    if (a->body.failed) {
        answer_trouble(a, p, TROUBLE_TOO_LARGE);
        return;
    }
    const char *next = page_is_last(p, &page) ? NULL : w->next;
    start_head(a, rows_is_single(p) || page_is_all(p, &page) ? 200 : 206);
    put_rows_headers(a, p, &page, next);
    finish_or_not_modified(a, p, content_type(p), page.total, next); /* for HEAD too the tag is made of the body */
}

void answer_stream(struct answer *a, const struct rows *w, const PGresult *estimate)
{
    const struct plan *p = w->plan;
    struct page page = page_begun(p, w->n, w->total, estimate);
    start_head(a, page_is_all(p, &page) ? 200 : 206);
    put_rows_headers(a, p, &page, NULL);
    struct validator v = {0};
    if (p->version && p->version->known)
        validator_of_version(&v, p);
    validator_headers(&a->head, &v, p);
    buf_puts(&a->head, "\r\n");
}

/* Milliseconds with one digit behind the point. */
static void put_ms(struct answer *a, const char *name, int64_t us, const char *end)
{
    long long tenths = (us + US_PER_MS / 20) / (US_PER_MS / 10);
    put_number(a, name, tenths / 10, ".");
    put_number(a, "", tenths % 10, end);
}

void answer_timing(struct answer *a, int64_t database_us, int64_t total_us)
{
    static const char end[] = "\r\n";
    buf_trim_end(&a->head, sizeof end - 1);
    buf_puts(&a->head, "Server-Timing: ");
    if (database_us >= 0)
        put_ms(a, "db;dur=", database_us, ", ");
    put_ms(a, "total;dur=", total_us, "\r\n");
    buf_puts(&a->head, end);
}
