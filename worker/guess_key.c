/* Which fields a record is known by. */
#include <stdlib.h>
#include <string.h>

#include "worker/guess_form.h"

enum {
    NEARLY_PERCENT = 98,
    MOST_OF_TWO = 20,  /* so many fields are tried in pairs */
    MOST_OF_THREE = 10 /* and so many in threes */
};

static uint64_t hash_at(const struct guess_field *f, size_t record)
{
    return record < f->place->n_hashes ? f->place->hashes[record] : 0;
}

static int compare_hashes(const void *x, const void *y)
{
    const uint64_t *a = x, *b = y;
    return (*a > *b) - (*a < *b);
}

/* without: records that lack one of the n fields; again: records that are alike in them to another before. */
static void count(const struct guess *g, const struct guess_field *const *fields, size_t n, size_t *without,
                  size_t *again)
{
    uint64_t *all = mem_alloc((g->records + 1) * sizeof *all);
    size_t there = 0;
    for (size_t r = 0; r < g->records; r++) {
        uint64_t h = 0;
        bool whole = true;
        for (size_t i = 0; i < n; i++) {
            uint64_t one = hash_at(fields[i], r);
            whole = whole && one;
            h = (h ^ one) * 0x9e3779b97f4a7c15 + (h >> 31);
        }
        if (whole)
            all[there++] = h;
    }
    qsort(all, there, sizeof *all, compare_hashes);
    *without = g->records - there;
    *again = 0;
    for (size_t i = 1; i < there; i++)
        *again += all[i] == all[i - 1];
    free(all);
}

/* The fields by which the fewest records are alike, of those that were tried. */
struct nearest {
    struct guess_field *fields[3];
    size_t n, again;
};

/* Types by which records are known; a measure is none, even where no two are alike. */
static bool can_be_key(const struct guess_field *f, bool alone)
{
    bool word = f->type == TYPE_STRING || f->type == TYPE_INTEGER;
    return word || (!alone && (f->type == TYPE_DATE || f->type == TYPE_DATETIME));
}

/* The fields that are never missing, and always of their type. */
static size_t whole_fields(const struct guess *g, struct guess_field *fields, struct guess_field **out)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n; i++)
        if (!fields[i].missing && fields[i].fits == fields[i].place->values && can_be_key(&fields[i], false))
            out[n++] = &fields[i];
    return n;
}

static void mark(struct guess_field *const *fields, size_t n)
{
    for (size_t i = 0; i < n; i++)
        fields[i]->is_key = true;
}

/* Marks the n fields if they tell all records apart, else remembers how near they came. */
static bool take(const struct guess *g, struct nearest *nearest, struct guess_field *const *of, size_t n)
{
    size_t without, again;
    count(g, (const struct guess_field *const *)of, n, &without, &again);
    if (!without && !again)
        mark(of, n);
    else if (!nearest->n || again < nearest->again) {
        *nearest = (struct nearest){.n = n, .again = again};
        memcpy(nearest->fields, of, n * sizeof(struct guess_field *));
    }
    return !without && !again;
}

static bool take_together(const struct guess *g, struct nearest *nearest, struct guess_field **whole, size_t n)
{
    for (size_t i = 0; i < n && i < MOST_OF_TWO; i++)
        for (size_t k = i + 1; k < n && k < MOST_OF_TWO; k++)
            if (take(g, nearest, (struct guess_field *[]){whole[i], whole[k]}, 2))
                return true;
    for (size_t i = 0; i < n && i < MOST_OF_THREE; i++)
        for (size_t k = i + 1; k < n && k < MOST_OF_THREE; k++)
            for (size_t m = k + 1; m < n && m < MOST_OF_THREE; m++)
                if (take(g, nearest, (struct guess_field *[]){whole[i], whole[k], whole[m]}, 3))
                    return true;
    return false;
}

static bool take_nearly(const struct guess *g, struct guess_field *fields)
{
    for (size_t i = 0; i < g->n; i++) {
        struct guess_field *f = &fields[i];
        if (can_be_key(f, true) && f->fits == f->place->values && f->distinct > 1 &&
            f->distinct * 100 >= g->records * NEARLY_PERCENT) {
            f->is_key = true;
            return true;
        }
    }
    return false;
}

enum guess_key_kind guess_key(const struct guess *g, struct guess_field *fields)
{
    struct guess_field **whole = arena_array(g->arena, g->n + 1, sizeof(struct guess_field *));
    struct nearest nearest = {0};
    size_t n = whole_fields(g, fields, whole);
    for (size_t i = 0; i < n; i++)
        if ((n == 1 || (can_be_key(whole[i], true) && whole[i]->distinct == g->records)) &&
            take(g, &nearest, &whole[i], 1))
            return GUESS_KEY_UNIQUE;
    if (take_nearly(g, fields))
        return GUESS_KEY_NEARLY;
    if (take_together(g, &nearest, whole, n))
        return GUESS_KEY_UNIQUE;
    mark(nearest.fields, nearest.n);
    return GUESS_KEY_NONE;
}

void guess_key_count(const struct guess *g, const struct guess_field *fields, size_t *without, size_t *again)
{
    const struct guess_field **key = arena_array(g->arena, g->n + 1, sizeof *key);
    size_t n = 0;
    for (size_t i = 0; i < g->n; i++)
        if (fields[i].is_key)
            key[n++] = &fields[i];
    count(g, key, n, without, again);
}
