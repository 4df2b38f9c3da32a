/* All entity files of a folder: what they say of each other, and the order in which they can be written. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "lib/text.h"
#include "worker/entity.h"
#include "worker/entity_load.h"

/* Files while they are loaded: each entity beside the text that mistakes are told about. */
struct loading {
    struct arena *arena;
    struct entity_set *set;
    const struct cfg **files;
    bool failed;
};

static bool ends_with(const char *s, const char *suffix)
{
    size_t n = strlen(s), m = strlen(suffix);
    return n > m && strcmp(s + n - m, suffix) == 0;
}

static int is_entity_file(const struct dirent *d)
{
    return d->d_name[0] != '.' && ends_with(d->d_name, ".json") && !ends_with(d->d_name, ".test.json");
}

/* Not alphasort, which goes by the locale: the order must be the same on every machine. */
static int by_name(const struct dirent **x, const struct dirent **y)
{
    return strcmp((*x)->d_name, (*y)->d_name);
}

static void load_file(struct loading *l, const char *folder, const char *name)
{
    const struct cfg *c = cfg_open(l->arena, arena_printf(l->arena, "%s/%s", folder, name));
    struct entity *e = c ? entity_load(l->arena, c) : NULL;
    if (!e) {
        l->failed = true;
        return;
    }
    l->files[l->set->n] = c;
    l->set->list[l->set->n++] = *e;
}

static int load_folder(struct loading *l, const char *folder)
{
    struct dirent **names;
    int n = scandir(folder, &names, is_entity_file, by_name);
    if (n < 0) {
        log_errno("cannot read the folder of entity files, %s", folder);
        return -1;
    }
    l->set->list = arena_array(l->arena, (size_t)n, sizeof *l->set->list);
    l->files = arena_array(l->arena, (size_t)n, sizeof *l->files);
    for (int i = 0; i < n; i++) {
        load_file(l, folder, names[i]->d_name);
        free(names[i]);
    }
    free(names);
    return 0;
}

static bool same_text(const char *x, const char *y)
{
    return x && y ? strcmp(x, y) == 0 : x == y;
}

static bool same_list(const char *const *x, const char *const *y)
{
    for (; *x && *y; x++, y++)
        if (strcmp(*x, *y) != 0)
            return false;
    return *x == *y;
}

/* Files of one entity have to agree on what it is; two entities cannot share a table. */
static void check_agreement(struct loading *l, size_t i)
{
    const struct entity *e = &l->set->list[i];
    for (size_t k = 0; k < i; k++) {
        const struct entity *other = &l->set->list[k];
        bool same_table = same_text(e->schema, other->schema) && same_text(e->table, other->table);
        const char *key = NULL;
        if (strcmp(e->name, other->name) != 0) {
            if (same_table)
                cfg_error(cfg_get(l->files[i], "table"), "%s feeds this table with another entity, \"%s\"", other->path,
                          other->name);
            continue;
        }
        if (!same_table)
            key = "table";
        else if (!same_list(e->primary_key, other->primary_key) || e->keyed_by_client != other->keyed_by_client)
            key = "primaryKey";
        else if (!same_text(e->id, other->id))
            key = "id";
        if (key)
            cfg_error(cfg_get(l->files[i], key), "%s says otherwise of the same entity, \"%s\"", other->path, e->name);
    }
}

static void tell_no_entity(struct loading *l, const struct cfg *c, const char *name)
{
    const char **names = arena_array(l->arena, l->set->n + 1, sizeof *names);
    for (size_t i = 0; i < l->set->n; i++)
        names[i] = l->set->list[i].name;
    const char *near = text_nearest(name, names);
    cfg_error(c, "no file feeds an entity \"%s\"%s%s%s", name, near ? "; did you mean \"" : "", near ? near : "",
              near ? "\"?" : "");
}

static void check_references(struct loading *l, size_t i)
{
    const struct entity *e = &l->set->list[i];
    for (size_t k = 0; k < e->n_fields; k++) {
        const char *name = e->fields[k].reference;
        if (!name)
            continue;
        const struct cfg *c = cfg_get(cfg_at(cfg_get(l->files[i], "fields"), k), "reference");
        const struct entity *target = entity_by_name(l->set, name);
        if (!target)
            tell_no_entity(l, c, name);
        else if (!target->id)
            cfg_error(c, "\"%s\" has no id that could be written here; %s has to name its column as \"id\"", name,
                      target->path);
        else if (!entity_key_field(target))
            cfg_error(c, "the key of \"%s\" is not one field (beside the client), so no text can refer to it", name);
    }
}

/* May file i come next: is every file of the entities that it refers to there already? The first `placed` files of the
 * list are. An entity may refer to itself. *missing gets the place of one that is not. */
static bool may_follow(const struct entity_set *set, size_t i, size_t placed, size_t *missing)
{
    const struct entity *e = &set->list[i];
    for (size_t k = 0; k < e->n_fields; k++)
        for (size_t j = placed; e->fields[k].reference && j < set->n; j++)
            if (strcmp(e->fields[k].reference, e->name) != 0 &&
                strcmp(set->list[j].name, e->fields[k].reference) == 0) {
                *missing = j;
                return false;
            }
    return true;
}

/* Each of the files from `placed` on waits for another, so going from one to what it waits for ends in a circle. */
static void tell_circle(struct loading *l, size_t placed)
{
    const struct entity_set *set = l->set;
    size_t at = placed;
    for (size_t i = placed; i < set->n; i++)
        may_follow(set, at, placed, &at); /* after so many steps we are in the circle */
    size_t first = at;
    const char *path = set->list[at].name;
    do {
        may_follow(set, at, placed, &at);
        path = arena_printf(l->arena, "%s -> %s", path, set->list[at].name);
    } while (strcmp(set->list[at].name, set->list[first].name) != 0);
    cfg_error(l->files[first], "references go in a circle (%s), so none of these could be written first", path);
}

/* Sorts stably: among those that may come next, the first by name comes first. */
static void sort(struct loading *l)
{
    struct entity_set *set = l->set;
    for (size_t placed = 0; placed < set->n; placed++) {
        size_t next = placed, missing;
        while (next < set->n && !may_follow(set, next, placed, &missing))
            next++;
        if (next == set->n) {
            tell_circle(l, placed);
            return;
        }
        struct entity e = set->list[next];
        const struct cfg *file = l->files[next];
        memmove(&set->list[placed + 1], &set->list[placed], (next - placed) * sizeof e);
        memmove(&l->files[placed + 1], &l->files[placed], (next - placed) * sizeof file);
        set->list[placed] = e;
        l->files[placed] = file;
    }
}

int entity_load_all(struct entity_set *set, struct arena *a, const char *folder)
{
    struct loading l = {.arena = a, .set = set};
    *set = (struct entity_set){0};
    if (load_folder(&l, folder) < 0)
        return -1;
    for (size_t i = 0; !l.failed && i < set->n; i++) {
        check_agreement(&l, i);
        check_references(&l, i);
    }
    if (!l.failed)
        sort(&l);
    for (size_t i = 0; i < set->n; i++)
        l.failed = l.failed || cfg_failed(l.files[i]);
    return l.failed ? -1 : 0;
}

const struct entity *entity_find(const struct entity_set *set, const char *file)
{
    for (size_t i = 0; i < set->n; i++)
        if (strcmp(set->list[i].file, file) == 0)
            return &set->list[i];
    return NULL;
}

const struct entity *entity_by_name(const struct entity_set *set, const char *name)
{
    for (size_t i = 0; i < set->n; i++)
        if (strcmp(set->list[i].name, name) == 0)
            return &set->list[i];
    return NULL;
}
