/* From what was counted of a place to the field that an entity file should have for it. */
#include <stdlib.h>

#include "lib/buf.h"
#include "worker/convert.h"
#include "worker/guess_form.h"

/* A type is taken when so many of a hundred values fit it; the others become null. */
enum { ENOUGH_PERCENT = 95 };

static int compare_hashes(const void *x, const void *y)
{
    const uint64_t *a = x, *b = y;
    return (*a > *b) - (*a < *b);
}

static size_t count_distinct(const struct guess_place *p)
{
    uint64_t *sorted = mem_alloc((p->n_hashes + 1) * sizeof *sorted);
    size_t n = 0, distinct = 0;
    for (size_t i = 0; i < p->n_hashes; i++)
        if (p->hashes[i])
            sorted[n++] = p->hashes[i];
    qsort(sorted, n, sizeof *sorted, compare_hashes);
    for (size_t i = 0; i < n; i++)
        distinct += !i || sorted[i] != sorted[i - 1];
    free(sorted);
    return distinct;
}

static bool is_enough(size_t fits, size_t values)
{
    return values && fits * 100 >= values * ENOUGH_PERCENT;
}

static void put_list(struct buf *b, const char *key, const char *const *list, size_t n)
{
    buf_printf(b, ", \"%s\": [", key);
    for (size_t i = 0; i < n; i++) {
        buf_puts(b, i ? ", " : "");
        buf_json_string(b, list[i], strlen(list[i]));
    }
    buf_putc(b, ']');
}

/* The words for "nothing" that were seen, and that could not be a value of the type. */
static void put_missing_values(struct buf *b, struct guess_field *f)
{
    const char *list[GUESS_MOST_TOKENS + 1] = {""};
    size_t n = 1;
    for (size_t i = 0; i < guess_n_tokens; i++)
        if (f->place->tokens[i] && (guess_tokens[i].always || f->type != TYPE_STRING))
            list[n++] = guess_tokens[i].text;
    if (n > 1)
        put_list(b, "missingValues", list, n);
}

static void put_truth(struct buf *b, const struct guess_place *p)
{
    for (int truth = 1; truth >= 0; truth--) {
        const char *list[GUESS_MOST_WORDS];
        size_t n = 0;
        for (size_t i = 0; i < p->n_words; i++)
            if (guess_truth(p->words[i], strlen(p->words[i])) == truth)
                list[n++] = p->words[i];
        if (p->n_words)
            put_list(b, truth ? "trueValues" : "falseValues", list, n);
    }
}

static void put_operations(struct buf *b, const struct guess_field *f)
{
    buf_puts(b, ", \"clean\": [");
    for (size_t i = 0; f->type == TYPE_STRING && i < ARRAY_SIZE(guess_operations); i++)
        if (f->place->changed[i])
            buf_printf(b, "\"%s\", ", guess_operations[i]);
    buf_puts(b, "\"trim\"]");
}

static bool can_be(const struct guess_place *p, const struct guess_form *form, const struct guess_tally *t)
{
    bool number = strcmp(form->type, "integer") == 0 || strcmp(form->type, "number") == 0;
    return is_enough(t->fits, p->values) && !(number && p->codes) &&
           !(form->around && (p->glued || !is_enough(p->same_around, p->values)));
}

/* The form that fits most; the first of those that fit as many; one that drops what stands around a number only where
 * no other will do. -1 when none fits well enough. */
static int best_form(const struct guess_place *p, const char **also)
{
    int best = -1;
    for (size_t i = 0; i < guess_n_forms; i++)
        if (can_be(p, &guess_forms[i], &p->tallies[i]) &&
            (best < 0 ||
             (p->tallies[i].fits > p->tallies[best].fits && guess_forms[i].loose == guess_forms[best].loose)))
            best = (int)i;
    *also = NULL;
    for (size_t i = best < 0 ? guess_n_forms : (size_t)best + 1; i < guess_n_forms && !*also; i++)
        if (can_be(p, &guess_forms[i], &p->tallies[i]) && p->tallies[i].fits == p->tallies[best].fits &&
            p->tallies[i].digest != p->tallies[best].digest && guess_forms[i].loose == guess_forms[best].loose &&
            strcmp(guess_forms[i].type, guess_forms[best].type) == 0)
            *also = guess_forms[i].keys + 2;
    return best;
}

static enum field_type type_of(const char *name)
{
    size_t i = 0;
    while (strcmp(type_names[i], name) != 0)
        i++;
    return (enum field_type)i;
}

/* Strings take everything but structures, and NUL, which Postgres has not. */
static void decide_string(struct guess_field *f)
{
    const struct guess_place *p = f->place;
    f->type = TYPE_STRING;
    f->sql_type = "text";
    f->fits = p->values - p->kinds[VALUE_OBJECT] - p->kinds[VALUE_ARRAY] - p->nuls;
}

/* Which type, and how the name ends; the keys that only the form has. */
static const char *decide(struct guess_field *f, const char **suffix)
{
    const struct guess_place *p = f->place;
    int form;
    *suffix = "";
    if (is_enough(p->kinds[VALUE_ARRAY], p->values) || is_enough(p->kinds[VALUE_OBJECT], p->values)) {
        bool array = p->kinds[VALUE_ARRAY] > p->kinds[VALUE_OBJECT];
        f->type = array ? TYPE_ARRAY : TYPE_OBJECT;
        f->fits = p->kinds[array ? VALUE_ARRAY : VALUE_OBJECT];
        f->sql_type = "jsonb";
    } else if (is_enough(p->kinds[VALUE_BOOLEAN], p->values) ||
               (is_enough(p->yes + p->no, p->values) && p->yes && p->no && p->bits < p->yes + p->no)) {
        f->type = TYPE_BOOLEAN;
        f->fits = p->yes + p->no;
        f->sql_type = "boolean";
    } else if ((form = best_form(p, &f->also)) >= 0) {
        f->type = type_of(guess_forms[form].type);
        f->fits = p->tallies[form].fits;
        f->sql_type = guess_forms[form].sql_type;
        *suffix = guess_forms[form].suffix;
        return guess_forms[form].keys;
    } else
        decide_string(f);
    return "";
}

static const char *keys_of(struct guess_field *f, const char *form, struct arena *a)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    bool json = f->type == TYPE_OBJECT || f->type == TYPE_ARRAY;
    if (!json && !strstr(form, "\"clean\""))
        put_operations(&b, f);
    buf_puts(&b, form);
    if (f->type == TYPE_BOOLEAN)
        put_truth(&b, f->place);
    put_missing_values(&b, f);
    if (f->fits < f->place->values || f->place->mixed)
        buf_puts(&b, ", \"onError\": \"null\"");
    const char *keys = arena_memdup(a, buf_str(&b), b.len);
    buf_release(&b);
    return keys;
}

/* Is it an object elsewhere, whose members have places of their own? */
static bool is_inner(const struct guess *g, const struct guess_place *p)
{
    size_t n = strlen(p->from);
    for (size_t i = 0; *p->from == '/' && i < g->n; i++)
        if (strncmp(g->places[i]->from, p->from, n) == 0 && g->places[i]->from[n] == '/')
            return true;
    return false;
}

void guess_prune(struct guess *g)
{
    size_t kept = 0;
    for (size_t i = 0; i < g->n; i++) {
        struct guess_place *p = g->places[i];
        p->mixed = is_inner(g, p);
        if (!p->mixed || is_enough(p->values * (100 / (100 - ENOUGH_PERCENT)), g->records))
            g->places[kept++] = p;
    }
    g->n = kept;
}

struct guess_field *guess_fields(const struct guess *g)
{
    struct guess_field *fields = arena_array(g->arena, g->n + 1, sizeof *fields);
    const char **names = arena_array(g->arena, g->n + 1, sizeof *names);
    for (size_t i = 0; i < g->n; i++) {
        const char *suffix;
        struct guess_field *f = &fields[i];
        f->place = g->places[i];
        const char *form = decide(f, &suffix);
        f->keys = keys_of(f, form, g->arena);
        f->missing = g->records - f->place->values;
        f->distinct = count_distinct(f->place);
        f->name = names[i] = guess_name(arena_printf(g->arena, "%s%s", f->place->label, suffix), names, i, g->arena);
    }
    return fields;
}
