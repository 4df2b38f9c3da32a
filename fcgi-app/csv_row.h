/*
 * Rows of a result as CSV (RFC 4180): a line of names, then a line for each row, all ending in CR LF. Values are
 * Postgres' text as it comes; null is an empty field, the empty text is "". Pure.
 */
#ifndef ORIEL_CSV_ROW_H
#define ORIEL_CSV_ROW_H

#include "fcgi-app/json_row.h"

/* Appends the line of names. */
void csv_names_put(struct buf *b, const struct json_columns *columns);
/* Appends one row. The result must have first + n columns; strip_nulls does not count, since every line has the same
 * fields. */
void csv_row_put(struct buf *b, const PGresult *r, int row, const struct json_columns *columns);

#endif
