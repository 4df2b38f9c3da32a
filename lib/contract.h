/*
 * A contract: what one versioned view promises its readers. api.v_products_v1 is contract products@1, served at
 * /v1/products. The lock file holds the contracts that were agreed on; the catalog holds what is there now; both are
 * read into the same structure, so that they can be compared (contract_diff.h).
 */
#ifndef ORIEL_CONTRACT_H
#define ORIEL_CONTRACT_H

#include <libpq-fe.h>

#include "lib/buf.h"
#include "lib/cfg.h"

struct contract_column {
    const char *name;
    const char *type; /* as format_type() writes it, with modifier: "numeric(12,2)" */
    const char *base; /* what a domain is over, "(name type, …)" of a composite type; NULL: neither, or not known */
    const char *collation;     /* NULL for types without one and for the database's default */
    const char *comment;       /* without its tags; NULL when none */
    bool not_null;             /* declared by @notNull, since Postgres does not know it of a view's column */
    const char *const *values; /* of an enum, in its order, NULL-terminated; NULL: no enum, or not known */
};

struct contract_foreign_key {
    const char *const *columns; /* NULL-terminated */
    const char *target;         /* the other contract's view: "v_vendors_v1" */
    const char *const *target_columns;
    const char *name; /* what embeds call it; NULL when not given */
};

/* Whether an index gives the order of a contract's key. */
enum contract_sort_index { SORT_INDEX_UNKNOWN, SORT_INDEX_MISSING, SORT_INDEX_THERE };

struct contract {
    const char *view;                /* "v_products_v1" */
    const char *entity;              /* "products" */
    int version;                     /* 1 */
    const char *comment;             /* the description, without its tags; NULL when none */
    struct contract_column *columns; /* in the view's order */
    size_t n_columns;
    const char *const *key;              /* @primaryKey, NULL-terminated; an empty list when none */
    bool no_key;                         /* @noKey */
    enum contract_sort_index sort_index; /* the catalog alone does not tell; whoever asks the planner sets it */
    const char *const **uniques;
    size_t n_uniques;
    struct contract_foreign_key *foreign_keys;
    size_t n_foreign_keys;
    bool security_barrier, security_invoker;
    bool owner_can_read; /* the view's owner has what the view needs of its tables */
    bool reader_can_select;
    const char *const *writers; /* roles other than the owner that hold a write grant on it, NULL-terminated */
    const char *output;         /* hash over columns and key: equal hashes, equal shape */
    const char *definition;     /* hash over the view's text, read with an empty search_path; NULL: not read */
    bool deprecated;
    const char *sunset;      /* "2027-03-01" or NULL */
    const char *successor;   /* a view's name or NULL */
    long long cache_seconds; /* @cache; -1 when not given */
    const char *problem;     /* a comment that cannot be read, said for people; NULL when all is well */
};

/* That somebody has seen a change of meaning and wants it. Lock file only. */
struct contract_acknowledgement {
    const char *fingerprint; /* of the difference; see contract_difference_fingerprint() */
    const char *contract, *rule, *reason;
};

struct contract_set {
    struct contract *contracts; /* sorted by entity, then version; or nothing is found in it */
    size_t n;
    const char *const *tombstones; /* views that were retired: "v_old_v1"; lock file only */
    struct contract_acknowledgement *acknowledged;
    size_t n_acknowledged;
};

/* Splits "v_products_v1" into "products" and 1; -1 when the name is not a contract's. */
int contract_name_split(struct arena *a, const char *view, const char **entity, int *version) must_check;
/* The same without a copy: where in view the entity begins, and its length in bytes; NULL when it is not a contract's.
 */
const char *contract_name_entity(const char *view, size_t *length, int *version);

const struct contract *contract_find(const struct contract_set *set, const char *entity, int version);
const struct contract *contract_find_view(const struct contract_set *set, const char *view);
const struct contract_column *contract_find_column(const struct contract *c, const char *name);
/* The least version above `after` that a contract of the set has; 0 when there is none. */
int contract_next_version(const struct contract_set *set, int after);

/* Orders the set by entity, then version; for whoever filled it. */
void contract_set_sort(struct contract_set *set);
/* Hash over columns (name, type, collation, not-null, in order) and key. */
const char *contract_output_hash(const struct contract *c, struct arena *a);

/*
 * Reads what a comment declares beside its text (the @ lines) into c, whose columns' comments are still raw; sets
 * c->problem to a sentence when a line cannot be understood or names a column that is not there. Pure.
 */
void contract_comment_read(struct contract *c, struct arena *a, const char *comment);

/* Reads a lock file. -1 after messages. */
int contract_lock_load(struct contract_set *set, struct arena *a, const char *path) must_check;
/* Writes the lock file's text, stable in order and form, one column a line. */
void contract_lock_print(const struct contract_set *set, struct buf *out);

/*
 * Reading the catalog takes one statement, so that a responder can put it into its pipeline. It must run with an empty
 * search_path (definitions are hashed). Any role may run it. It has no parameter, so that one who has prepared it need
 * not plan it again, which takes longer than to run it.
 */
extern const char contract_catalog_sql[];
/* The same without definitions (NULL): half the time, and no lock on views and tables, which reading a view's text
 * takes. No promise to readers hangs on a definition. */
extern const char contract_promises_sql[];
/* And these alone: view, hash. */
extern const char contract_definitions_sql[];
int contract_catalog_parse(struct contract_set *set, struct arena *a, const PGresult *r) must_check;
/* Both together, waiting. */
int contract_catalog_read(struct contract_set *set, struct arena *a, PGconn *c) must_check;

#endif
