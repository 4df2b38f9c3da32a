/*
 * From the decoded text of one record to a document: the part of reading that knows NDJSON or CSV. Private to the
 * reader.
 */
#ifndef ORIEL_RECORD_H
#define ORIEL_RECORD_H

#include "worker/reader.h"

/* Makes out->problem of it. at: byte of the record's text that value shows the surroundings of. */
void record_problem(struct record *out, struct arena *a, enum reason_code code, const char *rule, const char *text,
                    size_t n, size_t at, const char *message);

/* Sets out->document, or out->problem (malformed or bad_encoding, rule "json"). */
void ndjson_parse(const char *text, size_t n, struct arena *a, struct record *out);

/* The cells of one CSV record. Their text lives in a. */
struct cells {
    struct value *list;
    size_t n;
};
/* NULL when all is well, else what is wrong with the quotes, as a sentence. */
const char *csv_split(const struct format *f, const char *text, size_t n, struct arena *a,
                      struct cells *out) must_check;
/* Sets out->document, or out->problem (malformed; rule "quotes" or "columns"). */
void csv_parse_record(const struct format *f, const struct header *header, const char *text, size_t n, struct arena *a,
                      struct record *out);
/* NULL when the quotes are wrong; *problem then says how. */
const struct header *csv_parse_header(const struct format *f, const char *text, size_t n, struct arena *a,
                                      const char **problem) must_check;

#endif
