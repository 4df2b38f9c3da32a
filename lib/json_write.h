/*
 * Writing a JSON document for people and programs: members in the order of the calls, two blanks of indentation a
 * level.
 */
#ifndef ORIEL_JSON_WRITE_H
#define ORIEL_JSON_WRITE_H

#include "lib/buf.h"

struct json_writer {
    struct buf *out;
    int depth;
    bool begun; /* the object or array at hand has a member already */
};

/* key names a member of the object at hand; it is NULL in an array and for the document itself. A text is UTF-8. */
void json_open_object(struct json_writer *w, const char *key);
void json_close_object(struct json_writer *w);
void json_open_array(struct json_writer *w, const char *key);
void json_close_array(struct json_writer *w);
void json_string(struct json_writer *w, const char *key, const char *text); /* nothing where text is NULL */
void json_integer(struct json_writer *w, const char *key, long long n);
void json_true(struct json_writer *w, const char *key);
/* An array of strings on one line; list ends with NULL. */
void json_strings(struct json_writer *w, const char *key, const char *const *list);
/* {"$ref": "#/components/SECTION/NAME"} on one line, as OpenAPI refers to its parts. */
void json_component(struct json_writer *w, const char *key, const char *section, const char *name);

#endif
