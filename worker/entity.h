/*
 * Entity files: conf/entities/NAME.json, a Frictionless Table Schema with `from`, `clean` and `onError` per field. NAME
 * is the entity file; `entity` in it is the entity it feeds. Several files may feed one entity, one for each form in
 * which records come; they agree on table, primaryKey and id.
 */
#ifndef ORIEL_ENTITY_H
#define ORIEL_ENTITY_H

#include "lib/cfg.h"

/* Column names that Oriel itself writes in every entity's table. */
#define COLUMN_RAW_BATCH "raw_batch" /* bigint: raw.batch.id */
#define COLUMN_RAW_LINE  "raw_line"  /* integer: the record's number in that batch */
#define COLUMN_GONE_AT   "gone_at"   /* timestamptz, where the table has it: not in the last complete delivery */

enum field_type {
    TYPE_STRING,
    TYPE_INTEGER,
    TYPE_NUMBER,
    TYPE_BOOLEAN,
    TYPE_DATE,
    TYPE_TIME,
    TYPE_DATETIME,
    TYPE_OBJECT,
    TYPE_ARRAY
};

/* What happens to a value that cannot be taken. ACTION_PARK is for references only. */
enum action { ACTION_REJECT, ACTION_NULL, ACTION_DEFAULT, ACTION_PARK };
extern const char *const action_names[]; /* "reject", "null", "default", "park", NULL */

struct operation; /* a named cleaning operation with its argument; private to the cleaner */
struct pattern;   /* a compiled `pattern`; private to the cleaner */

struct field {
    const char *name;        /* the table's column */
    const char *const *from; /* NULL-terminated; several are joined by `join`; empty (from: null): no source has it */
    const char *join;
    enum field_type type;
    const char *format;            /* dates and times: strptime-like; NULL for ISO 8601 */
    const char *zone;              /* datetimes without an offset are meant here; NULL for UTC */
    char decimal_char, group_char; /* group_char 0 for none */
    bool bare_number;              /* false: letters around a number are ignored */
    const char *const *missing_values, *const *true_values, *const *false_values; /* NULL-terminated */
    const struct operation *operations;
    size_t n_operations;
    const char *default_text; /* `default`, as text of the type; NULL when none */
    bool required;
    unsigned constrained;          /* bits, 1 << the place in the cleaner's table of constraints: those that follow */
    const char *minimum, *maximum; /* as text of the type; NULL when none */
    long long min_length, max_length; /* in characters; -1 when none */
    const struct pattern *pattern;
    const char *pattern_text;
    const char *const *enumeration; /* NULL-terminated; NULL when none */
    enum action on_error;
    bool key;               /* of the entity's primaryKey */
    const char *reference;  /* the entity that this field's text is a key of; NULL when none */
    enum action on_missing; /* what to do when that record is not there: park, reject, null */
};

struct entity {
    const char *file;               /* NAME: "acme-product" */
    const char *path;               /* of the file */
    const char *sha256;             /* of the file's text */
    const char *name;               /* "product" */
    const char *schema, *table;     /* "dp", "product" */
    const char *live_schema;        /* not NULL: `schema` holds a replay's shadow; this is the live table's */
    const char *const *primary_key; /* natural key, NULL-terminated; "client" may stand in it without being a field */
    bool keyed_by_client;  /* "client" is in primary_key and no field has that name: the source's client is meant */
    const char *id;        /* column of the surrogate id that Oriel assigns; NULL when the table has none */
    const char *order_by;  /* field by which an older version of a record is known; NULL when none */
    double reject_percent; /* limits.rejectPercent; 100 when not given */
    struct field *fields;
    size_t n_fields;
};

struct entity_set {
    struct entity *list; /* so sorted that what a reference names comes before what refers to it */
    size_t n;
    const char *ledger; /* schema of the tables reject, batch_entity and parked; NULL: "raw" */
};

/* The keys that entity files may have, those of a field, and those of limits; NULL-terminated. */
extern const char *const entity_keys[], *const field_keys[], *const limit_keys[];

/*
 * Reads every *.json of a folder but *.test.json. All mistakes of all files are told. -1 after messages. Checked here:
 * keys, types, names; files of one entity agree; primaryKey, orderBy and references name fields and entities that
 * exist; references do not go in a circle (but an entity may refer to itself); a referenced entity has an id and a key
 * of one field beside the client.
 */
int entity_load_all(struct entity_set *set, struct arena *a, const char *folder) must_check;
/* Reads one file's text; pure, for tests. NULL after messages. Does not look at other files. */
struct entity *entity_parse(struct arena *a, const char *path, const char *text, size_t n) must_check;

const struct entity *entity_find(const struct entity_set *set, const char *file);
const struct entity *entity_by_name(const struct entity_set *set, const char *name); /* the first file of that entity */
/* The field that, beside the client, is the whole natural key; NULL when the key has several. */
const struct field *entity_key_field(const struct entity *e);
const struct field *entity_find_field(const struct entity *e, const char *name); /* NULL: none */
/* Whether Oriel itself gives each row that column, beside the fields: lineage, id, the source's client. */
bool entity_adds(const struct entity *e, const char *column);

#endif
