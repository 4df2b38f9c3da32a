/*
 * Reading Oriel's JSON files: configuration, sources, entities, lock file. Every mistake is told with file, line, key
 * and what was expected; all of a file's mistakes are told, not only the first. So the readers below return something
 * harmless after a mistake, count it, and the caller asks cfg_failed() once at the end.
 *
 * JSON is read strictly (RFC 8259) and a key that occurs twice in one object is a mistake, since one of the two would
 * be ignored in silence.
 */
#ifndef ORIEL_CFG_H
#define ORIEL_CFG_H

#include "lib/base.h"
#include "lib/mem.h"

struct json_object;
struct cfg_file;

/* A place in a file: a value, or the place where one is missing (value NULL, as for JSON's null). */
struct cfg {
    struct cfg_file *file;
    struct json_object *value;
    const struct cfg *parent; /* NULL for the root */
    const char *key;          /* in an object; NULL in an array */
    size_t index;             /* in an array */
    bool present;             /* the key is there, if only as null */
};

/* Reads a file; everything lives in a. NULL, and a message, when it cannot be read, is no regular file or not JSON. */
const struct cfg *cfg_open(struct arena *a, const char *path) must_check;
/* The same for text that is already here; name stands for the path in messages. */
const struct cfg *cfg_parse(struct arena *a, const char *name, const char *text, size_t n) must_check;
bool cfg_failed(const struct cfg *c);                 /* was any mistake told about this file? */
const char *cfg_path(const struct cfg *c);            /* the file's path, as given */
const char *cfg_text(const struct cfg *c, size_t *n); /* the file's bytes */
/* A path named in the file: relative ones are meant from the folder of the file. */
const char *cfg_resolve(const struct cfg *c, const char *path);

/* Tells a mistake at c: "FILE:LINE: PATH: message". */
void cfg_error(const struct cfg *c, const char *format, ...) printf_like(2, 3);
int cfg_line(const struct cfg *c); /* 1-based line of the value (or of what should hold it) */

/* c must be an object whose keys are all in known (NULL-terminated); tells each that is not, with the nearest name. */
void cfg_keys(const struct cfg *c, const char *const known[]);
const struct cfg *cfg_get(const struct cfg *c, const char *key); /* never NULL */
/* Arrays; a missing one has length 0. Anything else than an array is told as a mistake. */
size_t cfg_length(const struct cfg *c);
const struct cfg *cfg_at(const struct cfg *c, size_t i);
/* Calls each(key's place, context) for every key of an object, in the order of the file. */
void cfg_each(const struct cfg *c, void (*each)(const struct cfg *member, void *context), void *context);

/* Values of keys of the object c. The fallback is taken where the key is missing or null; strings live as long as the
 * arena. */
const char *cfg_string(const struct cfg *c, const char *key, const char *fallback);
const char *cfg_need_string(const struct cfg *c, const char *key); /* "" after a mistake; must not be empty */
long long cfg_integer(const struct cfg *c, const char *key, long long fallback, long long min, long long max);
bool cfg_bool(const struct cfg *c, const char *key, bool fallback);
long long cfg_duration_ms(const struct cfg *c, const char *key,
                          const char *fallback); /* "250ms" "5s" "10min" "2h" "1d" */
/* Index in names (NULL-terminated); fallback -1 makes the key necessary. Returns -1 after a mistake. */
int cfg_choice(const struct cfg *c, const char *key, const char *const names[], int fallback);
/* An array of strings, NULL-terminated; *n (may be NULL) gets its length; an empty list when missing. */
const char *const *cfg_strings(const struct cfg *c, const char *key, size_t *n);
/* c itself as a string; "" after a mistake. */
const char *cfg_value_string(const struct cfg *c);

#endif
