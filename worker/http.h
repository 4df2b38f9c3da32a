/*
 * GET by HTTP, without waiting (but for http_get): the only file that knows libcurl. The body goes into a file without
 * a name. Only http and https are spoken, redirects are bounded, and credentials go to the host that was asked and to
 * no other.
 */
#ifndef ORIEL_HTTP_H
#define ORIEL_HTTP_H

#include "lib/buf.h"
#include "lib/mem.h"

struct http_request {
    const char *url;
    const char *bearer;                       /* NULL: none */
    const char *user, *password;              /* basic; NULL: none */
    const char *etag, *modified;              /* for If-None-Match, If-Modified-Since; NULL: none */
    long long timeout_ms, connect_timeout_ms; /* the whole of it; until it is connected */
    size_t most_bytes;                        /* of the body, uncompressed */
};

/* What came; lives as long as the transfer. */
struct http_answer {
    long status;
    int fd; /* of the body, -1 when it was taken; at any place */
    size_t size;
    char sha256[65];
    const char *url;  /* the last one of redirects */
    const char *type; /* "" when there is none, like the following */
    const char *etag, *modified;
    const char *next;         /* the target of a Link header with rel="next", as it stands there */
    long long retry_after_ms; /* 0: not told */
};

enum http_state {
    HTTP_BUSY,
    HTTP_DONE,  /* there is an answer */
    HTTP_FAILED /* there is none: http_problem() */
};

struct http;

/* Begins. NULL when the body cannot be kept, which was told. Strings of the request are copied. */
struct http *http_start(const struct http_request *request) must_check;
/* Does what can be done at once. */
enum http_state http_step(struct http *h) must_check;
int http_fd(const struct http *h);              /* readable when there is something to do */
long long http_wait_ms(const struct http *h);   /* how long nothing has to be done even if it is not; -1: for ever */
const char *http_problem(const struct http *h); /* a sentence */
const struct http_answer *http_answer(const struct http *h);
int http_take_body(struct http *h); /* its fd, from now on the caller's */
void http_free(struct http *h);     /* NULL is nothing; breaks off what is on its way */

/* The body of url, appended to body, whose maximum is the most that it may have. It waits, timeout_ms at most. -1 after
 * a message: also when the status is another one than 200. */
int http_get(const char *url, long long timeout_ms, struct buf *body) must_check;

/* ref as it is meant on the page of base, in a; NULL when that is no URL of http or https. */
const char *http_resolve(struct arena *a, const char *base, const char *ref);
/* Whether two URLs have the same scheme, host and port. */
bool http_same_origin(const char *x, const char *y);
/* What a URL is told as: without user, password, query and fragment, any of which may be secret. In a. */
const char *http_display(struct arena *a, const char *url);
bool http_has_user(const char *url);
/* url with one more parameter in its query, in a. */
const char *http_add_parameter(struct arena *a, const char *url, const char *name, const char *value);

/* The target of the link of relation "next" in the value of a Link header (RFC 8288), in a; NULL: none. Pure. */
const char *http_link_next(struct arena *a, const char *value);

#endif
