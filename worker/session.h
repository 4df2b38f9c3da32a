/*
 * The loader's connection. What fails is kept, not logged: whoever knows the consequence (try again, reject a record,
 * stop a source) says both in one line.
 */
#ifndef ORIEL_SESSION_H
#define ORIEL_SESSION_H

#include "lib/buf.h"
#include "lib/mem.h"
#include "lib/pg.h"

/* What is to be done about a failure, by its SQLSTATE. */
enum remedy {
    REMEDY_NONE,    /* nothing failed */
    REMEDY_RETRY,   /* connection, resources, locks: the same again later may succeed */
    REMEDY_RECORDS, /* some record's data: find it */
    REMEDY_STOP     /* neither time nor other records help: a person is needed */
};

struct failure {
    char sqlstate[6];
    char column[64], constraint[64]; /* "" where Postgres names none */
    char message[1024];              /* Postgres' words: message, detail, place in COPY's data; valid UTF-8 */
    const char *doing;               /* what was being done: "storing a batch" */
};

struct session {
    PGconn *c;              /* NULL: not connected */
    long long copied;       /* rows, by the last session_copy() */
    struct failure failure; /* of the last call that returned NULL or -1 */
};

/* Connects as the writer and sets what the loader's statements need. -1 after a message. */
int session_open(struct session *s, const char *conninfo) must_check;
void session_close(struct session *s); /* may be called when not open */

enum remedy failure_remedy(const struct failure *f);
/* Puts a failure of Oriel's own into f, as if Postgres had reported it with this SQLSTATE. */
void failure_set(struct failure *f, const char *sqlstate, const char *doing, const char *format, ...) printf_like(4, 5);

/* A parameter: text when binary is 0, else len bytes in Postgres' binary form. */
struct parameter {
    const char *value;
    int len, binary;
};

/* Runs one statement and waits. NULL, and s->failure set, when it failed. doing is a string that stays. */
PGresult *session_query(struct session *s, const char *doing, const char *sql, int n,
                        const char *const *params) must_check;
/* The same with binary parameters (at most 16), and with a binary result where binary_result is set. */
PGresult *session_query_binary(struct session *s, const char *doing, const char *sql, int n,
                               const struct parameter *params, bool binary_result) must_check;
/* The same in two steps, between which something else can be done while Postgres is at work. */
int session_send_binary(struct session *s, const char *sql, int n, const struct parameter *params,
                        bool binary_result) must_check;
PGresult *session_receive(struct session *s, const char *doing, int sent) must_check;
/* The same by the name that a PREPARE gave it; what merge_prepare() finds prepared it takes away. */
PGresult *session_query_prepared(struct session *s, const char *doing, const char *name, int n,
                                 const char *const *params) must_check;
int session_run(struct session *s, const char *doing, const char *sql, int n, const char *const *params) must_check;
/* Several statements, separated by ";". The last one's result. */
PGresult *session_script(struct session *s, const char *doing, const char *sql) must_check;
/* Sends data by a COPY … FROM STDIN statement. */
int session_copy(struct session *s, const char *doing, const char *sql, const char *data, size_t len) must_check;

/* n strings as the text of a text[]. */
const char *session_array(struct arena *a, const char *const *items, size_t n);
/* A whole number in a result's text column. */
long long session_integer(const PGresult *r, int row, int column);

#endif
