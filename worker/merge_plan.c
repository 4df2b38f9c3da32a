#include "worker/merge_plan.h"

#include "worker/ledger.h"
#include "worker/quote.h"
#include "worker/rows.h"

static bool in_list(const char *const *list, const char *s)
{
    while (*list && strcmp(*list, s) != 0)
        list++;
    return *list;
}

/* Texts are to be in the same order here and there. */
static const char *type_of(struct arena *a, const struct relation_column *c)
{
    return c->collation ? arena_printf(a, "%s COLLATE %s", c->type, c->collation) : c->type;
}

/* A reference is staged as the key of what it refers to, in the type of that key, and stored as its id. */
static const char *describe_reference(struct merge_plan *p, struct merge_column *c, const struct entity_set *set,
                                      const struct relation *relations)
{
    const struct entity *target = entity_by_name(set, c->field->reference);
    const struct field *key = target ? entity_key_field(target) : NULL;
    if (!key || key->reference || !target->id)
        return arena_printf(p->arena,
                            "\"%s\" cannot be referred to by field \"%s\": it needs an id and a key of one field",
                            c->field->reference, c->field->name);
    const struct relation_column *found = relation_column(&relations[target - set->list], key->name);
    if (!found)
        return arena_printf(p->arena, "table %s.%s, which field \"%s\" refers to, has no column \"%s\"", target->schema,
                            target->table, c->field->name, key->name);
    c->type = type_of(p->arena, found);
    c->target = target;
    c->target_key = quote_name(p->arena, key->name);
    c->staged = arena_printf(p->arena, "r%td.%s", c - p->columns, quote_name(p->arena, target->id));
    p->refers_to_itself |= strcmp(target->name, p->entity->name) == 0;
    p->parks |= c->field->on_missing == ACTION_PARK;
    return NULL;
}

/* Adds a column; field NULL stands for the client. Returns why that cannot be, or NULL. */
static const char *describe_column(struct merge_plan *p, const struct field *field, const struct entity_set *set,
                                   const struct relation *relations)
{
    const struct entity *e = p->entity;
    const char *name = field ? field->name : "client";
    const struct relation_column *found = relation_column(&relations[p->number], name);
    if (!found)
        return arena_printf(p->arena, "table %s.%s has no column \"%s\"", e->schema, e->table, name);
    struct merge_column *c = &p->columns[p->n++];
    c->field = field;
    c->name = quote_name(p->arena, name);
    c->stage_name = field ? c->name : "raw_client";
    c->type = type_of(p->arena, found);
    c->key = in_list(e->primary_key, name);
    c->order = e->order_by && strcmp(e->order_by, name) == 0;
    c->staged = arena_printf(p->arena, "s.%s", c->stage_name);
    return field && field->reference ? describe_reference(p, c, set, relations) : NULL;
}

static bool is_referenced(const struct entity_set *set, const char *name)
{
    for (const struct entity *e = set->list; e < set->list + set->n; e++)
        for (const struct field *f = e->fields; f < e->fields + e->n_fields; f++)
            if (f->reference && strcmp(f->reference, name) == 0)
                return true;
    return false;
}

static bool any_parks(const struct entity_set *set, const char *name)
{
    for (const struct entity *e = set->list; e < set->list + set->n; e++)
        for (const struct field *f = e->fields; strcmp(e->name, name) == 0 && f < e->fields + e->n_fields; f++)
            if (f->reference && f->on_missing == ACTION_PARK)
                return true;
    return false;
}

/* Does an index of these columns begin with this one, behind the client where the key holds it? */
static bool leads(const struct merge_plan *p, const char *index, const struct merge_column *c)
{
    const char *client = "client,";
    size_t n = strlen(c->field->name), skip = p->entity->keyed_by_client ? strlen(client) : 0;
    return strncmp(index, client, skip) == 0 && strncmp(index + skip, c->field->name, n) == 0 &&
           (!index[skip + n] || index[skip + n] == ',');
}

static const struct merge_column *find_near(const struct merge_plan *p, const char *const *indexes)
{
    for (; indexes && *indexes; indexes++)
        for (const struct merge_column *c = p->columns; c < p->columns + p->n; c++)
            if (c->key && c->field && !c->target && leads(p, *indexes, c))
                return c;
    return NULL;
}

const char *merge_plan_make(struct merge_plan *p, struct arena *a, const struct entity_set *set, size_t i,
                            const struct relation *relations)
{
    const struct entity *e = &set->list[i];
    const char *problem = NULL;
    *p = (struct merge_plan){.arena = a, .entity = e, .ledger = ledger_schema(set), .number = i};
    if (!relations[i].n_columns)
        return arena_printf(a, "there is no table %s.%s", e->schema, e->table);
    p->columns = arena_array(a, e->n_fields + 1, sizeof *p->columns);
    if (e->keyed_by_client)
        problem = describe_column(p, NULL, set, relations);
    for (size_t f = 0; !problem && f < e->n_fields; f++)
        if (field_is_stored(&e->fields[f]))
            problem = describe_column(p, &e->fields[f], set, relations);
    for (size_t c = 0; c < p->n; c++)
        p->key_refers = p->key_refers || (p->columns[c].key && p->columns[c].target);
    p->has_gone_at = relation_column(&relations[i], COLUMN_GONE_AT);
    p->near = find_near(p, relations[i].unique_orders);
    p->referenced = is_referenced(set, e->name);
    p->any_parks = any_parks(set, e->name);
    return problem;
}
