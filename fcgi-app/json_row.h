/*
 * Rows of a result as JSON objects (RFC 8259), from the text that Postgres sends. Pure.
 *
 * Columns are written by the type of the result: booleans and numbers as such (NaN and infinities as strings, since
 * JSON has no word for them), json and jsonb as they are, timestamps in the form of Postgres' to_json(), everything
 * else as a string of Postgres' text. The session must use DateStyle ISO.
 */
#ifndef ORIEL_JSON_ROW_H
#define ORIEL_JSON_ROW_H

#include <libpq-fe.h>

#include "fcgi-app/plan.h"
#include "lib/buf.h"

/* Columns of a result: those from `first` on, one for each of n keys. */
struct json_columns {
    const struct plan_column *keys;
    size_t n;
    int first;
    bool strip_nulls; /* a column that is null is left out of its object */
};

/* Appends one row as an object. The result must have first + n columns. */
void json_row_put(struct buf *b, const PGresult *r, int row, const struct json_columns *columns);
/* Appends the first n_rows rows as an array of objects. */
void json_rows_put(struct buf *b, const PGresult *r, int n_rows, const struct json_columns *columns);

#endif
