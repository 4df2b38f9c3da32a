/*
 * A document: one record, parsed. JSON and CSV look the same from here: fields are found by `from`, which is a JSON
 * Pointer (RFC 6901, begins with "/") or the name of a column or top-level key, or "#3" for the third column of a CSV.
 */
#ifndef ORIEL_DOCUMENT_H
#define ORIEL_DOCUMENT_H

#include "lib/mem.h"

enum value_kind {
    VALUE_ABSENT, /* the document has no such place */
    VALUE_NULL,
    VALUE_STRING,  /* text: decoded, UTF-8; may hold NUL bytes */
    VALUE_NUMBER,  /* text: the literal's digits as written, never through a double */
    VALUE_BOOLEAN, /* text: true or false */
    VALUE_OBJECT,  /* text: its JSON */
    VALUE_ARRAY    /* text: its JSON */
};

struct value {
    enum value_kind kind;
    const char *text; /* nothing stands behind it: go by len */
    size_t len;
};

struct json;
struct json_node;

/* The columns of a CSV. names is NULL when it has no header record: they then go by "#1", "#2", … only. */
struct header {
    const char *const *names;
    size_t n;
    const uint32_t *by_name; /* columns in the order of their names, for bisection; made by header_make() */
};

/* A header of these names, which must stay. Of two columns with one name, the first is found by it. */
const struct header *header_make(struct arena *a, const char *const *names, size_t n);

struct document {
    struct json *json;           /* JSON; else NULL */
    const struct header *header; /* CSV */
    const struct value *cells;   /* CSV; as many as the header has */
};

/*
 * What stands at `from`. In a CSV a pointer of one step means the column of that name. A name, or a pointer's step,
 * that stands twice in a JSON object means the last, as in JavaScript and Postgres. Text made on the way lives in a.
 */
struct value document_find(const struct document *d, struct arena *a, const char *from);

/* The same as text with a NUL behind it, in a; NULL where nothing stands, or null. As a whole number; 0 when it is
 * none. */
const char *document_text(const struct document *d, struct arena *a, const char *from);
long long document_integer(const struct document *d, struct arena *a, const char *from);

/* The node at `from`; NULL when there is no such place. */
const struct json_node *document_node(struct json *json, const char *from, struct arena *a);
/* What a node says. */
struct value document_value(const struct json *json, const struct json_node *node, struct arena *a);

/* The column, from 0 on, that `from` means; h->n when there is none. */
size_t document_column(const struct header *h, struct arena *a, const char *from);

/* Turns "~1" into "/" and "~0" into "~" (RFC 6901, section 4), in place: a pointer's step becomes a key. */
void document_unescape_step(char *s);

#endif
