/*
 * Guessing an entity from a sample: documents go in, for each place in them a type, the keys of an entity file and the
 * evidence come out. Pure: no I/O. What a value fits is asked of the cleaner itself, with the very keys that would be
 * written, so a guess means what loading will do.
 */
#ifndef ORIEL_GUESS_H
#define ORIEL_GUESS_H

#include "worker/clean.h"

enum {
    GUESS_MOST_FORMS = 64,
    GUESS_MOST_TOKENS = 16,
    GUESS_MOST_WORDS = 12,
    GUESS_EXAMPLES = 3,
    GUESS_MOST_PLACES = 400
};

/* How many values one form fits. A form that misses too many is not asked any more. */
struct guess_tally {
    size_t fits;
    uint64_t digest; /* of what it made of them: forms that fit the same and mean the same agree in it */
    bool dropped;
};

/* One column of a CSV, or one leaf of JSON documents. */
struct guess_place {
    const char *from;  /* as an entity file names it */
    const char *label; /* its name, as the source writes it; for names and people */
    size_t kinds[VALUE_ARRAY + 1];
    size_t values;                       /* there, not empty, and none of the words for "missing" */
    size_t tokens[GUESS_MOST_TOKENS];    /* those words, by their index */
    size_t yes, no, bits;                /* values that mean yes, or no; bits of them are 1 or 0 */
    const char *words[GUESS_MOST_WORDS]; /* how yes and no are spelt, other than by JSON */
    size_t n_words;
    size_t codes;       /* digits that begin with 0, which a number would lose */
    size_t changed[4];  /* texts that each cleaning operation of guess_operations would change */
    size_t glued;       /* texts with a letter just before a digit, as codes have it */
    size_t nuls;        /* texts with U+0000 in them */
    bool mixed;         /* an object in some records, whose members have places of their own */
    size_t longest;     /* characters */
    uint64_t around;    /* of the first value: what stands beside its digits */
    size_t same_around; /* values that have the same there */
    const char *examples[GUESS_EXAMPLES];
    size_t n_examples;
    struct guess_tally tallies[GUESS_MOST_FORMS];
    uint64_t *hashes; /* by record: of its text; 0 where it is missing */
    size_t n_hashes, room;
};

struct guess {
    struct arena *arena;
    const struct entity *forms;
    struct guess_place **places; /* in the order in which they were found */
    size_t n, room, records;
    size_t depth; /* of JSON documents: how far objects are entered */
    bool full;    /* there are more than GUESS_MOST_PLACES */
};

/* Everything lives in a. depth: 0 takes what stands in the document itself as it is. */
void guess_init(struct guess *g, struct arena *a, size_t depth);
/* Takes one record in. scratch may be reset afterwards. */
void guess_add(struct guess *g, const struct document *d, struct arena *scratch);

/* What is thought of one place. */
struct guess_field {
    const struct guess_place *place;
    const char *name; /* the column; see guess_name */
    enum field_type type;
    const char *keys;     /* further keys of the entity file, each with ", " before it; "" for none */
    const char *sql_type; /* of the table's column */
    size_t fits;          /* so many of place->values fit */
    size_t missing;       /* records that have nothing there */
    size_t distinct;      /* different texts there */
    const char *also;     /* the keys of another form that fits as many, but reads them differently; NULL for none */
    bool is_key;
};

/* Once all records are in: drops the places that are objects nearly everywhere, and null or something else elsewhere.
 */
void guess_prune(struct guess *g);
/* One field for each place, in order, with names. Lives in g's arena. */
struct guess_field *guess_fields(const struct guess *g);

enum guess_key_kind {
    GUESS_KEY_UNIQUE, /* never missing, no two records alike in it */
    GUESS_KEY_NEARLY, /* a column that is missing, or stands twice, in at most two records of a hundred */
    GUESS_KEY_NONE    /* there is none; marked are the two or three that come nearest, or nothing where all have gaps */
};
/* Marks the fields of the key: the first column that is unique, the first nearly so, the first two or three together.
 * More never make one: of enough columns no two records are alike, but that they stay what they are nobody says. */
enum guess_key_kind guess_key(const struct guess *g, struct guess_field *fields) must_check;
/* Records without a whole key, and records whose key an earlier one has, too. */
void guess_key_count(const struct guess *g, const struct guess_field *fields, size_t *without, size_t *again);

/*
 * An SQL identifier of a name of the source: small ASCII letters, digits and "_", at most 63 bytes, no word that SQL or
 * the reader's URL reserves, none that Oriel writes itself, none of those taken (n of them). Lives in a.
 */
const char *guess_name(const char *label, const char *const *taken, size_t n, struct arena *a);
bool guess_name_is_reserved(const char *name);

/* A key as a step of a JSON Pointer (RFC 6901, section 3), without the slash before it. */
const char *guess_step(const char *key, struct arena *a);

#endif
