/*
 * NAME.test.json beside NAME.json: documents and what the entity file makes of them.
 *
 *   {"tests": [
 *     {"name": "a price with a comma", "csv": {"Id": "7", "Price": "1,50"}, "row": {"price": "1.50"}},
 *     {"name": "no id", "document": {"price": 1}, "reasons": [{"field": "external_id", "rule": "required", "reason":
 * "missing"}]} ]}
 *
 * What goes in is one of: document (JSON), csv (a cell per column), or record (the text of an NDJSON line, for what the
 * other two cannot hold: integers of more than 18 digits, broken JSON). What is expected is row, which compares the
 * fields it names and says that the record is not rejected; or reasons, all of them, in the order of the fields; or
 * both.
 */
#ifndef ORIEL_ENTITY_TEST_H
#define ORIEL_ENTITY_TEST_H

#include "worker/entity.h"

/* Runs the tests of the file at path. Every mismatch is told with file, line, what was expected and what came. *n_tests
 * gets their number. -1 when one failed or the file could not be read. */
int entity_test_run(const struct entity *e, const char *path, struct arena *a, int *n_tests) must_check;

#endif
