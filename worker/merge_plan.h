/*
 * What the statements of merge_sql.c are made of: an entity file's columns with their texts for SQL. Private to
 * those two and merge_name.c.
 */
#ifndef ORIEL_MERGE_PLAN_H
#define ORIEL_MERGE_PLAN_H

#include "lib/buf.h"
#include "worker/entity.h"
#include "worker/relation.h"

/* A column that Oriel writes from the staging table. All texts are SQL. */
struct merge_column {
    const char *name;
    const char *stage_name;    /* in the staging table */
    const char *type;          /* there, with its collation */
    const char *staged;        /* where its value stands when judging: s."name", or r2."id" for a reference */
    bool key;                  /* of the natural key */
    bool order;                /* orderBy */
    const struct field *field; /* NULL for the client */
    /* references only: */
    const struct entity *target; /* NULL: it is none */
    const char *target_key;
};

struct merge_plan {
    struct arena *arena;
    const struct entity *entity;
    const char *ledger; /* the set's */
    size_t number;      /* of the entity file in its set: names the staging table */
    struct merge_column *columns;
    size_t n;
    /* The column of the natural key by whose values, with the client's, an index of the table begins; NULL: none. */
    const struct merge_column *near;
    bool key_refers; /* a column of the natural key is a reference */
    bool referenced, refers_to_itself, parks, has_gone_at;
    bool any_parks; /* this file, or another one of the same entity, parks */
    bool some;      /* the statement being made is merge_some */
    bool all_new;   /* it is merge_new */
};

/* Returns NULL, or why entity file i and its table do not go together, as a sentence. Everything lives in a. */
const char *merge_plan_make(struct merge_plan *p, struct arena *a, const struct entity_set *set, size_t i,
                            const struct relation *relations) must_check;

/* Appends a template with its names (merge_name.c) filled in for this plan. */
void merge_plan_expand(const struct merge_plan *p, struct buf *b, const char *template);

#endif
