/*
 * What `oriel check` looks at, and the worker before it starts: entity files against their tests, their tables, and the
 * contracts that read those tables.
 */
#ifndef ORIEL_CHECK_H
#define ORIEL_CHECK_H

#include "worker/domain.h"
#include "worker/session.h"

struct check {
    const struct entity_set *entities;
    struct arena *arena;
    void (*tell)(bool ok, const char *line); /* is told one line per thing looked at */
    int failures;
};

/* Runs every NAME.test.json. What a test got wrong is logged where it is found. */
void check_tests(struct check *c);
/* Whether every table takes what its entity files write. -1: s->failure says why the catalog cannot be read. */
int check_tables(struct check *c, struct session *s) must_check;
/* Whether every column that a contract reads from those tables is still written. -1: as above. */
int check_contracts(struct check *c, struct session *s) must_check;

#endif
