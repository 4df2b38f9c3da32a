/*
 * Quoting for SQL that is made without a connection, where libpq's own functions cannot be asked. Only for names from
 * entity files, source files and the catalog; values are parameters.
 */
#ifndef ORIEL_QUOTE_H
#define ORIEL_QUOTE_H

#include "lib/buf.h"
#include "lib/mem.h"

/* Appends name as an SQL identifier. */
void quote_identifier(struct buf *b, const char *name);
/* The same as a text in a. */
const char *quote_name(struct arena *a, const char *name);
/* Appends s as an SQL string that means the same whatever standard_conforming_strings says. */
void quote_string(struct buf *b, const char *s);

#endif
