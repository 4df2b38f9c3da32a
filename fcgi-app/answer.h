/*
 * From a plan and what Postgres said to a response: status, headers (CGI's form, RFC 3875, section 6) and body. Pure
 * but for one line in the log when a result does not fit its plan.
 *
 * Errors that arise here: ORIEL002 507 the answer is larger than what may be built; ORIEL003 414 the URL is too long;
 * ORIEL004 503 too many requests are under way; PGRST001 503 there is no connection to Postgres; PGRST103 416 the
 * offset is past a known end; PGRST116 406 (404 for a path with a key) not exactly one row; else the SQLSTATE
 * (sqlstate.h).
 */
#ifndef ORIEL_ANSWER_H
#define ORIEL_ANSWER_H

#include <libpq-fe.h>

#include "fcgi-app/plan.h"
#include "fcgi-app/rows.h"
#include "lib/buf.h"

/* One is used again for each request. */
struct answer {
    int status;
    struct buf head; /* "Status: 200 OK" to the empty line, lines ending in CR LF */
    struct buf body; /* empty for HEAD */
    int retry_after; /* seconds, for every 503 */
};

/* Errors of the responder itself; index of a table. */
enum answer_trouble {
    TROUBLE_NO_DATABASE, /* not connected, or the connection was lost under the request */
    TROUBLE_BUSY,        /* as many requests are under way as may be */
    TROUBLE_URL_TOO_LONG,
    TROUBLE_TOO_LARGE,  /* the answer would be larger than max_body */
    TROUBLE_BROKEN_PLAN /* the result's columns are not the plan's */
};

/* max_body: bytes that a body may have. Allocates nothing. */
void answer_init(struct answer *a, size_t max_body, int retry_after);
void answer_release(struct answer *a);

/* The plan says all there is to say: PLAN_ERROR, PLAN_OPTIONS or PLAN_DOCUMENT. */
void answer_plan(struct answer *a, const struct plan *p);
/*
 * Rows (of a PLAN_ROWS), gathered: answer_begin() makes the body empty, and rows_put() fills it; answer_rows() is
 * called when all are there, and puts head and end to it. estimate: what the plan's estimate_sql gave, NULL where it
 * has none.
 */
void answer_begin(struct answer *a);
void answer_rows(struct answer *a, const struct rows *w, const PGresult *estimate);
/* Only the head, for rows of which no more than some are there; the body stays as it is. There is a tag only where
 * the data has a version, since else it is made of all of them, and the range says how many come only where they were
 * counted. */
void answer_stream(struct answer *a, const struct rows *w, const PGresult *estimate);
/* The version of p's data says that the client holds the answer: makes the one that says so. False where it does not.
 */
bool answer_unchanged(struct answer *a, const struct plan *p);
/* The body, which is there already, is a text for programs of this house. */
void answer_text(struct answer *a, const char *media_type);
/* r is the error that p's statement met. */
void answer_failure(struct answer *a, const struct plan *p, const PGresult *r);
/* p: what is known of the request; NULL when no plan was made. */
void answer_trouble(struct answer *a, const struct plan *p, enum answer_trouble trouble);

/* Adds Server-Timing to what one of the above has made: how long the database had the request (-1 when it never had
 * it), and how long all took, in microseconds. */
void answer_timing(struct answer *a, int64_t database_us, int64_t total_us);

#endif
