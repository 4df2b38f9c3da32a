/*
 * Results of queries for people and for programs: as a table of text, or as JSON.
 */
#ifndef ORIEL_TABLE_H
#define ORIEL_TABLE_H

#include <libpq-fe.h>

#include "lib/buf.h"

enum { TABLE_WIDTH = 100 }; /* columns of a terminal that a table fits into */

/*
 * Appends the first n_columns of r as a table: the columns' names above, numbers to the right, control characters as
 * "?". Where it would be wider than TABLE_WIDTH, the widest texts are cut, with "…" at their ends.
 */
void table_print(struct buf *out, const PGresult *r, int n_columns);
/* Appends a stranger's text for a terminal, which must not take orders from it: control characters (C0, DEL, C1) as
 * "?", line ends and tabs excepted where `lines` is set. What is no UTF-8 becomes "?" too. */
void table_put_text(struct buf *out, const char *s, bool lines);
/* Appends r as a JSON array of objects, all columns; numbers and booleans as such, null as null. */
void table_print_json(struct buf *out, const PGresult *r);

#endif
