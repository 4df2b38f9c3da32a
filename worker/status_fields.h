/*
 * The part of `oriel status` on fields that no entity file asks for, and those that are asked for and missing.
 */
#ifndef ORIEL_STATUS_FIELDS_H
#define ORIEL_STATUS_FIELDS_H

#include <libpq-fe.h>
#include <stdbool.h>

extern const char status_fields_sql[];
enum { STATUS_FIELDS_COLUMNS = 7 }; /* of them that the table shows */

/*
 * Takes the query's result and gives one back in which `perhaps` tells what was renamed; all of it for programs. For
 * people without fields that only some records lack, and with a bounded number of rows per source.
 */
PGresult *status_fields_arrange(PGresult *r, bool all);

#endif
