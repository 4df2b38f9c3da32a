/*
 * Prepared statements of one connection by their SQL, so that requests of one shape share one plan. This is the book of
 * them only; who sends PREPARE and DEALLOCATE is database.c.
 *
 * A statement's life: PREPARING from statement_add() until its result is there; then PREPARED, when others may use it;
 * when it fails, is displaced or outlived by a change of its tables it is forgotten: nobody finds it any more, and it
 * goes with its last user.
 */
#ifndef ORIEL_STATEMENT_H
#define ORIEL_STATEMENT_H

#include "lib/base.h"

enum { STATEMENTS_MAX = 256 }; /* shapes that one connection keeps prepared */

enum statement_state { STATEMENT_PREPARING, STATEMENT_PREPARED, STATEMENT_FORGOTTEN };

struct statement {
    enum statement_state state;
    char name[24]; /* unique in its connection's life */
    char *sql;
    uint64_t hash;
    int users;                       /* requests that are under way with it */
    size_t row_size;                 /* bytes of a row of its last result, on average; 0 while none is known */
    struct statement *next;          /* in its chain of the hash table */
    struct statement *older, *newer; /* by last use */
};

struct statements {
    struct statement *chains[STATEMENTS_MAX];
    struct statement *oldest, *newest;
    size_t n;
    unsigned long long made; /* counts names; goes on over statements_clear() */
};

/* All zero is an empty book. Forgets everything; no statement may have users. */
void statements_clear(struct statements *s);

/* The statement of this text, whatever its state, as the one used last; NULL when there is none. */
struct statement *statement_find(struct statements *s, const char *sql);
/*
 * Enters a new one, PREPARING. When the book is full, the one that was used longest ago and has no user makes room, and
 * its name is copied to displaced for DEALLOCATE; otherwise displaced is "". NULL when every one has users.
 */
struct statement *statement_add(struct statements *s, const char *sql, char displaced[24]);

/* A request takes a statement, and gives it back when its answer is there. */
void statement_take(struct statement *t);
void statement_give_back(struct statement *t);
/* Takes a statement out of the book. */
void statement_forget(struct statements *s, struct statement *t);

#endif
