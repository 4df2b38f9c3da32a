#include "fcgi-app/relation.h"

#include <string.h>

#include "fcgi-app/plan_error.h"
#include "lib/text.h"

struct candidate {
    struct candidate *next;
    struct relation relation;
};

/* What every step of the search needs. */
struct search {
    struct arena *a;
    const struct api *api;
    const struct contract *origin;
    const struct relation_words *words;
    struct api_error *error;
};

static bool in_list(const char *const *list, const char *name)
{
    for (; list && *list; list++)
        if (strcmp(*list, name) == 0)
            return true;
    return false;
}

static bool has_columns(const struct contract *c, const char *const *names)
{
    for (; *names; names++)
        if (!contract_find_column(c, *names))
            return false;
    return true;
}

/* Does this foreign key of c lead to target? Not when it names a column that one of both does not have. */
static bool key_leads_to(const struct contract *c, const struct contract_foreign_key *key,
                         const struct contract *target)
{
    return strcmp(key->target, target->view) == 0 && has_columns(c, key->columns) &&
           has_columns(target, key->target_columns);
}

/* The contract that a foreign key of c leads to; NULL when it is not served here. */
static const struct api_contract *target_of(const struct api *api, const struct contract *c,
                                            const struct contract_foreign_key *key)
{
    for (size_t i = 0; i < api->n; i++)
        if (key_leads_to(c, key, api->contracts[i].contract))
            return &api->contracts[i];
    return NULL;
}

static bool leads_to(const struct contract *c, const struct contract *target)
{
    for (size_t i = 0; i < c->n_foreign_keys; i++)
        if (key_leads_to(c, &c->foreign_keys[i], target))
            return true;
    return false;
}

/* Is c the version of its entity that relations of the origin go to? It leads to the origin. */
static bool is_chosen_version(const struct search *s, const struct contract *c)
{
    if (c->version == s->origin->version)
        return true;
    for (size_t i = 0; i < s->api->n; i++) {
        const struct contract *other = s->api->contracts[i].contract;
        if (other != c && strcmp(other->entity, c->entity) == 0 && leads_to(other, s->origin) &&
            (other->version == s->origin->version || other->version < c->version))
            return false;
    }
    return true;
}

/* Is every column of the contract's key, or of one of its other unique lists, one of the foreign key's? Then there is
 * at most one row for each that the foreign key leads to. */
static bool is_unique(const struct contract *c, const struct contract_foreign_key *key)
{
    for (size_t i = 0; i <= c->n_uniques; i++) {
        const char *const *list = i < c->n_uniques ? c->uniques[i] : c->key;
        size_t n = 0, covered = 0;
        for (; list && list[n]; n++)
            covered += in_list(key->columns, list[n]);
        if (n && covered == n)
            return true;
    }
    return false;
}

static void add(struct search *s, struct candidate **list, struct relation relation)
{
    struct candidate *c = arena_alloc(s->a, sizeof *c);
    *c = (struct candidate){.relation = relation};
    while (*list)
        list = &(*list)->next;
    *list = c;
}

static void list_forward(struct search *s, struct candidate **list)
{
    const struct contract *origin = s->origin;
    for (size_t i = 0; i < origin->n_foreign_keys; i++) {
        const struct contract_foreign_key *key = &origin->foreign_keys[i];
        const struct api_contract *target = target_of(s->api, origin, key);
        if (target)
            add(s, list, (struct relation){.target = target, .key = key});
    }
}

/* Those of one contract that leads to the origin. */
static void list_reverse(struct search *s, const struct api_contract *holder, struct candidate **list)
{
    const struct contract *c = holder->contract;
    for (size_t i = 0; i < c->n_foreign_keys; i++) {
        const struct contract_foreign_key *key = &c->foreign_keys[i];
        if (key_leads_to(c, key, s->origin))
            add(s, list,
                (struct relation){.target = holder, .key = key, .reverse = true, .to_many = !is_unique(c, key)});
    }
}

/* Those over one contract that leads to the origin by one key and on by another. */
static void list_over(struct search *s, const struct api_contract *junction, struct candidate **list)
{
    const struct contract *c = junction->contract;
    for (size_t i = 0; c != s->origin && i < c->n_foreign_keys; i++) {
        if (!key_leads_to(c, &c->foreign_keys[i], s->origin))
            continue;
        for (size_t k = 0; k < c->n_foreign_keys; k++) {
            const struct api_contract *target = k == i ? NULL : target_of(s->api, c, &c->foreign_keys[k]);
            if (target && target != junction)
                add(s, list,
                    (struct relation){.target = target,
                                      .key = &c->foreign_keys[i],
                                      .to_many = true,
                                      .junction = junction,
                                      .far = &c->foreign_keys[k]});
        }
    }
}

static bool is(const char *name, const char *word)
{
    return name && strcmp(name, word) == 0;
}

static bool is_single_column(const struct contract_foreign_key *key, const char *word)
{
    return is(key->columns[0], word) && !key->columns[1];
}

static bool has_name(const struct search *s, const struct relation *r, const char *name)
{
    bool self = r->target->contract == s->origin && !r->junction && !r->reverse;
    if (is(r->target->contract->entity, name) && !self)
        return true;
    if (r->junction)
        return is(r->far->name, name);
    return !r->reverse && (is(r->key->name, name) || is_single_column(r->key, name));
}

static bool has_hint(const struct relation *r, const char *hint)
{
    const struct contract_foreign_key *key = r->junction ? r->far : r->key;
    return !hint || is(key->name, hint) || in_list(key->columns, hint) ||
           (r->junction && is(r->junction->contract->entity, hint));
}

/* Takes those out of the list that are not meant; returns how many are left. */
static size_t keep_meant(struct search *s, struct candidate **list)
{
    size_t n = 0;
    while (*list) {
        const struct relation *r = &(*list)->relation;
        if (has_name(s, r, s->words->name) && has_hint(r, s->words->hint)) {
            n++;
            list = &(*list)->next;
        } else {
            *list = (*list)->next;
        }
    }
    return n;
}

/* "Perhaps you meant 'vendors' instead of 'vendor'."; NULL when no name is near. */
static const char *nearest_hint(struct search *s, const struct candidate *all)
{
    size_t n = 0;
    for (const struct candidate *c = all; c; c = c->next)
        n += 2;
    const char **names = arena_array(s->a, n + 1, sizeof *names);
    n = 0;
    for (const struct candidate *c = all; c; c = c->next) {
        const struct relation *r = &c->relation;
        const struct contract_foreign_key *key = r->junction ? r->far : r->reverse ? NULL : r->key;
        names[n++] = r->target->contract->entity;
        if (key && key->name)
            names[n++] = key->name;
    }
    const char *nearest = text_nearest(s->words->name, names);
    if (!nearest || strcmp(nearest, s->words->name) == 0)
        return NULL;
    return arena_printf(s->a, "Perhaps you meant '%s' instead of '%s'.", nearest,
                        plan_error_text(s->a, s->words->name, false));
}

static int fail_none(struct search *s, const struct candidate *all)
{
    const char *name = plan_error_text(s->a, s->words->name, false), *using = "";
    if (s->words->hint)
        using = arena_printf(s->a, " using the hint '%s'", plan_error_text(s->a, s->words->hint, false));
    return plan_fail(s->error, "PGRST200",
                     arena_printf(s->a, "Could not find a relationship between '%s' and '%s' in the schema cache",
                                  s->origin->entity, name),
                     arena_printf(s->a,
                                  "Searched for a foreign key relationship between '%s' and '%s'%s in the schema "
                                  "'v%d', but no matches were found.",
                                  s->origin->entity, name, using, s->origin->version),
                     nearest_hint(s, all));
}

static const char *join(struct arena *a, const char *const *list)
{
    const char *text = *list;
    for (list++; *list; list++)
        text = arena_printf(a, "%s, %s", text, *list);
    return text;
}

/* One that a request may have meant, as PostgREST describes it. */
static void put_choice(struct buf *b, struct arena *a, const struct contract *origin, const struct relation *r,
                       const char *hint)
{
    const struct contract_foreign_key *key = r->key;
    const struct contract *target = r->target->contract;
    const char *cardinality = r->junction   ? "many-to-many"
                              : !r->reverse ? "many-to-one"
                              : r->to_many  ? "one-to-many"
                                            : "one-to-one";
    const char *relationship =
        r->junction  ? arena_printf(a, "%s using %s(%s) and %s(%s)", r->junction->contract->entity,
                                    r->junction->contract->entity, join(a, key->columns), r->junction->contract->entity,
                                    join(a, r->far->columns))
        : r->reverse ? arena_printf(a, "%s using %s(%s) and %s(%s)", hint, origin->entity, join(a, key->target_columns),
                                    target->entity, join(a, key->columns))
                     : arena_printf(a, "%s using %s(%s) and %s(%s)", hint, origin->entity, join(a, key->columns),
                                    target->entity, join(a, key->target_columns));
    const char *embedding = arena_printf(a, "%s with %s", origin->entity, target->entity);
    buf_printf(b, "%s{\"cardinality\":\"%s\",\"embedding\":", b->len > 1 ? "," : "", cardinality);
    buf_json_string(b, embedding, strlen(embedding));
    buf_puts(b, ",\"relationship\":");
    buf_json_string(b, relationship, strlen(relationship));
    buf_putc(b, '}');
}

/* What tells this one from the others, behind "!". */
static const char *hint_of(const struct relation *r, const struct candidate *list)
{
    const struct contract_foreign_key *key = r->junction ? r->far : r->key;
    size_t over_same = 0;
    for (const struct candidate *c = list; c && r->junction; c = c->next)
        over_same += c->relation.junction == r->junction;
    if (over_same == 1)
        return r->junction->contract->entity;
    return key->name ? key->name : key->columns[0];
}

static int fail_ambiguous(struct search *s, const struct candidate *list)
{
    const char *name = plan_error_text(s->a, s->words->name, false), *choices = NULL;
    struct buf details;
    buf_init(&details, SIZE_MAX / 2);
    buf_putc(&details, '[');
    for (const struct candidate *c = list; c; c = c->next) {
        const struct relation *r = &c->relation;
        const char *hint = hint_of(r, list);
        const char *choice = arena_printf(s->a, "'%s!%s'", r->target->contract->entity, hint);
        put_choice(&details, s->a, s->origin, r, hint);
        choices = choices ? arena_printf(s->a, "%s, %s", choices, choice) : choice;
    }
    buf_putc(&details, ']');
    plan_fail(s->error, "PGRST201",
              arena_printf(s->a, "Could not embed because more than one relationship was found for '%s' and '%s'",
                           s->origin->entity, name),
              arena_strdup(s->a, buf_str(&details)),
              arena_printf(s->a,
                           "Try changing '%s' to one of the following: %s. Find the desired relationship in the "
                           "'details' key.",
                           name, choices));
    s->error->details_are_json = true;
    buf_release(&details);
    return -1;
}

int relation_find(struct relation *found, struct arena *a, const struct api *api, const struct contract *origin,
                  const struct relation_words *words, struct api_error *error)
{
    struct search s = {.a = a, .api = api, .origin = origin, .words = words, .error = error};
    struct candidate *direct = NULL, *over = NULL, *all = NULL;
    list_forward(&s, &direct);
    for (size_t i = 0; i < api->n; i++) {
        const struct api_contract *c = &api->contracts[i];
        if (!leads_to(c->contract, origin) || !is_chosen_version(&s, c->contract))
            continue;
        list_reverse(&s, c, &direct);
        list_over(&s, c, &over);
    }
    for (const struct candidate *c = direct; c; c = c->next)
        add(&s, &all, c->relation);
    for (const struct candidate *c = over; c; c = c->next)
        add(&s, &all, c->relation);
    size_t n = keep_meant(&s, &direct);
    if (!n) {
        direct = over;
        n = keep_meant(&s, &direct);
    }
    if (n == 0)
        return fail_none(&s, all);
    if (n > 1)
        return fail_ambiguous(&s, direct);
    *found = direct->relation;
    const struct api_contract *withheld = found->junction && found->junction->withheld ? found->junction
                                          : found->target->withheld                    ? found->target
                                                                                       : NULL;
    return withheld ? plan_fail_withheld(error, a, withheld) : 0;
}
