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

enum { MOST_COLUMNS = 1664 }; /* Postgres' MaxTupleAttributeNumber: no result has more */

/* Columns of a result: those from `first` on, one for each of n keys. */
struct json_columns {
    const struct plan_column *keys;
    size_t n;
    int first;
    bool strip_nulls; /* a column that is null is left out of its object */
};

/* How the values of each column are written, by its type. */
struct json_forms {
    unsigned char of[MOST_COLUMNS]; /* enum form, of json_row.c */
};

/* Finds the forms of r's columns; good for other results of the statement. r must have first + n columns. */
void json_forms_find(struct json_forms *forms, const PGresult *r, const struct json_columns *columns);
/* Appends one row as an object. One that would end within four bytes of b's maximum may fail, too. */
void json_row_put(struct buf *b, const PGresult *r, int row, const struct json_columns *columns,
                  const struct json_forms *forms);

#endif
