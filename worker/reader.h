/*
 * Readers: bytes of a file to records, and a kept record's bytes to a document again. The bytes of a record are exactly
 * what stood in the file, without the line end behind them.
 */
#ifndef ORIEL_READER_H
#define ORIEL_READER_H

#include "lib/cfg.h"
#include "worker/clean.h"
#include "worker/document.h"

enum format_kind { FORMAT_NDJSON, FORMAT_CSV, FORMAT_JSON };
enum { LONGEST_RECORD = 16 << 20 };

/* How to read a source's bytes: the keys format, encoding, dialect and records of a source file. */
struct format {
    enum format_kind kind;
    const char *encoding; /* iconv's name; "UTF-8" by default */
    /* the Frictionless CSV dialect */
    char delimiter;      /* "," by default; "\t" for "tsv" */
    char quote_char;     /* 0 when quoteChar is null: quotes are letters like others */
    bool has_header;     /* false: columns are called "#1", "#2", … */
    char comment_char;   /* 0 for none */
    const char *records; /* of JSON: a pointer (RFC 6901) to the array of records; NULL: the document is the array */
};

/* What `format` may be, and the keys of `dialect`; NULL-terminated. */
extern const char *const format_names[], *const format_dialect_keys[];

/* Reads those keys of the object c; mistakes are told through cfg (see cfg_failed). */
void format_load(struct format *f, const struct cfg *c);
/* The same keys as a JSON object, to be kept beside the raw records; and back from there. */
const char *format_json(const struct format *f, struct arena *a);
int format_parse(struct format *f, struct arena *a, const char *json) must_check;
/* A guess from a file's name: .ndjson .jsonl .json, .csv, .tsv; -1 for others. */
int format_from_name(struct format *f, const char *path) must_check;

struct record {
    const char *bytes; /* verbatim; valid until the next reader_next() */
    size_t len;
    uint64_t offset;      /* of its first byte in the file */
    uint64_t next_offset; /* where reading goes on after it */
    struct document document;
    const struct reason *problem; /* not NULL: it could not be parsed (malformed, bad_encoding); document is empty */
};

struct reader;

/*
 * Reads from fd (not closed by the reader; of a gzip what is in it), from byte `offset` on; offset 0 is the file's
 * beginning, where a byte order mark is skipped and a CSV has its header. To go on inside a CSV, give the header's
 * bytes as reader_header() gave them. NULL after a message.
 */
struct reader *reader_open(const struct format *f, int fd, const char *name, uint64_t offset, const char *header,
                           size_t header_len) must_check;
/* 1: a record, parsed into a; 0: the end; -1: the file could not be read, or a record is longer than 16 MiB (told).
 * Empty lines are skipped. */
int reader_next(struct reader *r, struct arena *a, struct record *out) must_check;
const char *reader_header(const struct reader *r, size_t *len); /* NULL when the format has none */
void reader_free(struct reader *r);

/* Parses the kept bytes of one record again, as reader_next would have. Pure. header may be NULL. */
void reader_parse(const struct format *f, const struct header *header, const char *bytes, size_t len, struct arena *a,
                  struct record *out);
/* The names in a kept header record. Pure. NULL after a message. */
const struct header *reader_parse_header(const struct format *f, const char *bytes, size_t len,
                                         struct arena *a) must_check;

#endif
