/*
 * What Postgres' catalog keeps in arrays, read from their text. SQL could take them apart, too, but has to plan that
 * anew in each session, which takes longer than all that is here. Pure.
 */
#ifndef ORIEL_CATALOG_TEXT_H
#define ORIEL_CATALOG_TEXT_H

#include "lib/mem.h"

/* The elements of an array of one dimension without nulls, as Postgres writes it ("Array Input and Output Syntax"),
 * NULL-terminated. text NULL: none. */
const char *const *catalog_array(struct arena *a, const char *text);
/* Who holds a write grant (INSERT, UPDATE, DELETE, TRUNCATE) by relacl: names of roles and "PUBLIC", each once, sorted,
 * NULL-terminated. The owner, who may do everything anyway, is left out. acl NULL: nobody. */
const char *const *catalog_writers(struct arena *a, const char *acl, const char *owner);
/* Is a boolean option of reloptions on? One that is not given is not. */
bool catalog_option(struct arena *a, const char *reloptions, const char *name);

#endif
