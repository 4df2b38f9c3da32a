/*
 * Tables as the catalog knows them.
 */
#ifndef ORIEL_RELATION_H
#define ORIEL_RELATION_H

#include "lib/mem.h"
#include "worker/session.h"

struct relation_column {
    const char *name;
    const char *type;     /* as format_type() writes it: "numeric(12,2)" */
    const char *category; /* the type's family: see check.c */
    bool not_null;
    bool has_default;      /* a default, an identity or a generated column: it need not be written */
    bool always_generated; /* it cannot be written */
    bool collatable;
    const char *collation; /* quoted; NULL for the database's own, and for types that have none */
};

struct relation {
    const char *schema, *table;
    struct relation_column *columns;  /* in the table's order */
    size_t n_columns;                 /* 0: there is no such table */
    const char *const *unique_keys;   /* per usable unique index its columns, sorted, joined by ","; NULL-terminated */
    const char *const *unique_orders; /* the same in the order of the index */
};

/* Reads one table. A table that is not there is no failure. */
int relation_read(struct relation *out, struct session *s, struct arena *a, const char *schema,
                  const char *table) must_check;
const struct relation_column *relation_column(const struct relation *r, const char *name); /* NULL: none */
/* Whether both are the same as far as staging and merging go. */
bool relation_same(const struct relation *a, const struct relation *b);

#endif
