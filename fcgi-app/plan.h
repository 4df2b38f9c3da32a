/*
 * From a request to what is to be asked of Postgres and how its answer is to be written. Pure: bytes and contracts in,
 * a plan out; no I/O, no clock. The grammar is the read part of PostgREST's.
 */
#ifndef ORIEL_PLAN_H
#define ORIEL_PLAN_H

#include "fcgi-app/cors.h"
#include "fcgi-app/document.h"
#include "lib/contract.h"

/* What of a request counts. Strings are never NULL; an absent header is "". */
struct request {
    const char *method;
    const char *path;  /* still percent-encoded, without the query */
    const char *query; /* without "?" */
    const char *accept, *prefer, *range, *accept_profile;
    const char *if_none_match;                /* what the client holds (entity_tag.h) */
    const char *if_modified_since;            /* and since when; counts only where the former is empty */
    const char *authorization;                /* who asks (token.h) */
    int64_t now;                              /* when it came; seconds since 1970 */
    const char *origin;                       /* of the page that asks, where a browser tells it */
    const char *asked_method, *asked_headers; /* what a preflight asks for */
    bool has_body;                            /* a Content-Length above 0, or a Transfer-Encoding */
};

/* An error as a client sees it. Strings live in the plan's arena or for ever; details and hint NULL become JSON null.
 */
struct api_error {
    int status;
    const char *code, *message, *details, *hint;
    bool details_are_json; /* written as they are */
};

/* A contract as this responder serves it now. */
struct api_contract {
    const struct contract *contract;
    const char *withheld;                     /* what differs from the lock file; NULL when it is served */
    const char *sources;                      /* what its data version is of (data_version.h); NULL where it has none */
    const char *definition;                   /* a hash over the view's text, as it is now; with sources */
    const char *end_headers, *successor_link; /* deprecation.h; NULL for none */
};

/* What there is to be asked: made once per lock file and catalog, not per request. */
struct api {
    struct api_contract *contracts; /* sorted by entity, then version */
    size_t n;
    long long max_rows;          /* per request; 0 for no maximum */
    int max_depth;               /* of and/or trees, and of embeds */
    bool aggregates;             /* count(), sum() and the like may be asked for */
    int retry_after;             /* seconds, for 503 */
    long long exact_up_to;       /* rows that COUNT_ESTIMATED counts */
    const char *const *origins;  /* whose pages may read, NULL-terminated (cors.h); NULL for none */
    struct documents *documents; /* OpenAPI, of the same contracts */
    const struct tokens *tokens; /* whose word on who asks is taken (token.h); NULL: the API is open */
};

enum plan_kind {
    PLAN_ERROR,    /* `error` is the answer */
    PLAN_OPTIONS,  /* 200, no body, Allow */
    PLAN_DOCUMENT, /* 200, `document` is the body */
    PLAN_ROWS      /* send sql, write rows */
};

/* What of the total is asked for. */
enum plan_count {
    COUNT_NONE,
    COUNT_EXACT,
    COUNT_PLANNED,  /* the planner's estimate */
    COUNT_ESTIMATED /* exact up to a number of rows, the planner's estimate beyond */
};

enum media { MEDIA_JSON, MEDIA_OBJECT, MEDIA_CSV, MEDIA_OPENAPI };

struct plan_column {
    const char *key; /* prepared for writing: ",\"name\":", escaped, with its colon and the comma before it */
    size_t key_len;
    const char *name;  /* as it is */
    bool is_json_text; /* the value comes as the text of its JSON */
};

/* How a page that is full leads to the next one (keyset.h). */
struct plan_pages {
    struct arena *a;
    const char *order;  /* what a cursor is of */
    const char *target; /* path and query, up to the cursor */
    const int *columns; /* of the result, counted as in plan: their text in the last row makes the cursor */
    size_t n;
};

struct plan {
    enum plan_kind kind;
    struct api_error error;
    const char *allow;                        /* value of the Allow header, NULL for none */
    const struct contract *contract;          /* NULL where the path names none */
    const char *end_headers, *successor_link; /* of the contract, as struct api_contract has them */
    const struct document *document;          /* PLAN_DOCUMENT */
    struct cors cors;
    const char *if_none_match; /* as in the request */
    const char *if_modified_since;
    bool takes_tokens;   /* what is answered depends on who asks */
    const char *claims;  /* of who asks, as JSON; "" of a request without a token; NULL where none is taken */
    const char *profile; /* Content-Profile to send, NULL for none */
    bool head;           /* HEAD: headers only */
    enum media media;    /* MEDIA_OBJECT: exactly one row, else 406 PGRST116 (404 for key_path) */
    bool strip_nulls;
    bool key_path;                  /* /v1/products/42: one object or 404 */
    const char *preference_applied; /* NULL for none */
    const char *content_location;   /* NULL for none: path and query as asked */

    /* One statement, values bound as $1… of unknown type. Its shape (the text) does not depend on values, so equal
     * shapes share one prepared statement. */
    const char *sql;
    const char **params;
    int n_params;
    const char *time_zone; /* to be set for this statement alone; NULL for the session's */
    /* EXPLAIN of what the total is of, with the first of the params; NULL where no estimate is wanted. */
    const char *estimate_sql;
    int n_estimate_params;
    enum plan_count count;
    long long exact_up_to; /* a total of COUNT_ESTIMATED that is greater was not counted to its end */
    /* The result: when counted, each row begins with `total` (bigint) and `here` (boolean: false in the only row when
     * the page is empty but the total is known); then n_columns columns, then n_hidden that are not written. */
    bool counted;
    struct plan_column *columns;
    size_t n_columns, n_hidden;
    bool after;               /* the page begins behind a cursor, at a place that nobody has counted */
    struct plan_pages *pages; /* NULL where none leads to the next */
    long long offset;         /* of the first row asked for */
    long long limit;          /* -1 for none; never above max_rows */

    /* What the data version of the answer is of, as an array of Postgres; NULL where it has none (data_version.h). */
    const char *sources;
    const char *shape;                  /* with sources: all else that the answer depends on */
    const struct data_version *version; /* set by whoever asked for it; NULL until then */
    int64_t now;                        /* as in the request */
};

/* Everything in p lives in a. */
void plan_make(struct plan *p, struct arena *a, const struct api *api, const struct request *r);

#endif
