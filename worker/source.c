#include "worker/source.h"

#include <dirent.h>

#include "lib/log.h"
#include "worker/source_kind.h"

enum { MOST_RECORDS = 1000000, LARGEST_BATCH = 256 << 20 };

/* Of all kinds; each has its own besides. */
const char *const source_common_keys[] = {
    "kind",         "client",     "entities", "format",         "encoding",    "dialect", "records",
    "batchRecords", "batchBytes", "complete", "maxGonePercent", "description", NULL};

static void check_keys(const struct cfg *root, const struct source_kind *kind)
{
    const char *keys[64];
    size_t n = 0;
    for (const char *const *k = source_common_keys; *k; k++)
        keys[n++] = *k;
    for (const char *const *k = kind->keys; *k && n + 1 < ARRAY_SIZE(keys); k++)
        keys[n++] = *k;
    keys[n] = NULL;
    cfg_keys(root, keys);
}

/* The entity files that the source names, in the order of the set: what is referred to comes first. */
static void load_entities(struct source *s, struct arena *a, const struct cfg *root, const struct entity_set *set)
{
    const struct cfg *list = cfg_get(root, "entities");
    size_t n = cfg_length(list);
    bool *named = arena_array(a, set->n + 1, sizeof *named);
    for (size_t i = 0; i < n; i++) {
        const struct cfg *place = cfg_at(list, i);
        const char *file = cfg_value_string(place);
        const struct entity *e = entity_find(set, file);
        if (!e && *file)
            cfg_error(place, "there is no entity file \"%s.json\"", file);
        else if (e && named[e - set->list])
            cfg_error(place, "\"%s\" is named twice", file);
        else if (e)
            named[e - set->list] = true;
    }
    if (!n)
        cfg_error(list->present ? list : root, "\"entities\" must name at least one entity file");
    const struct entity **chosen = arena_array(a, n + 1, sizeof *chosen);
    for (size_t i = 0; i < set->n; i++)
        if (named[i])
            chosen[s->n_entities++] = &set->list[i];
    s->entities = chosen;
}

void source_batch_size(const struct cfg *root, long long *records, long long *bytes)
{
    *records = cfg_integer(root, "batchRecords", SOURCE_BATCH_RECORDS, 1, MOST_RECORDS);
    *bytes = cfg_integer(root, "batchBytes", SOURCE_BATCH_BYTES, 1, LARGEST_BATCH);
}

static void load_values(struct source *s, struct arena *a, const struct cfg *root, const struct settings *settings)
{
    int kind = cfg_choice(root, "kind", source_kind_names, -1);
    s->kind = source_kinds[kind < 0 ? 0 : kind]; /* another kind was told; the keys of the rest are looked at as well */
    check_keys(root, s->kind);
    s->client = cfg_need_string(root, "client");
    s->complete = cfg_bool(root, "complete", false);
    s->most_gone_percent = (double)cfg_integer(root, "maxGonePercent", 10, 0, 100);
    if (cfg_get(root, "maxGonePercent")->present && !s->complete)
        cfg_error(cfg_get(root, "maxGonePercent"), "means something only where \"complete\" is true");
    source_batch_size(root, &s->batch_records, &s->batch_bytes);
    if (s->kind->pulled)
        schedule_load(&s->schedule, root);
    s->kind->load(s, a, root, settings);
    (void)cfg_string(root, "description", NULL); /* for readers of the file; told, if it is no string */
}

static const char *name_of(struct arena *a, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    const char *dot = strrchr(base, '.');
    return arena_memdup(a, base, dot ? (size_t)(dot - base) : strlen(base));
}

static int load(struct source *out, struct arena *a, const struct cfg *root, const struct settings *settings,
                const struct entity_set *entities)
{
    *out = (struct source){.name = name_of(a, cfg_path(root))};
    load_values(out, a, root, settings);
    load_entities(out, a, root, entities);
    return cfg_failed(root) ? -1 : 0;
}

int source_parse(struct source *out, struct arena *a, const char *path, const char *text, size_t n,
                 const struct settings *settings, const struct entity_set *entities)
{
    const struct cfg *root = cfg_parse(a, path, text, n);
    return root ? load(out, a, root, settings, entities) : -1;
}

static int is_json(const struct dirent *d)
{
    size_t n = strlen(d->d_name);
    return d->d_name[0] != '.' && n > 5 && strcmp(d->d_name + n - 5, ".json") == 0;
}

/* By bytes, so that the order is the same everywhere. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* A folder's path without the slashes at its end, which mean nothing. */
static size_t folder_length(const char *folder)
{
    size_t n = strlen(folder);
    while (n > 1 && folder[n - 1] == '/')
        n--;
    return n;
}

static bool same_files(const struct source *a, const struct source *b)
{
    if (!a->folder || !b->folder)
        return false;
    size_t n = folder_length(a->folder);
    return n == folder_length(b->folder) && memcmp(a->folder, b->folder, n) == 0 && strcmp(a->pattern, b->pattern) == 0;
}

/* Two sources that take the same files would each load all of them. Tells it of the later one. -1 if there are any. */
static int check_apart(const struct source_set *set, const struct cfg *const *roots)
{
    int result = 0;
    for (size_t i = 1; i < set->n; i++)
        for (size_t k = 0; k < i; k++)
            if (same_files(&set->list[i], &set->list[k])) {
                cfg_error(cfg_get(roots[i], "pattern"),
                          "source %s takes files of the same pattern from the same folder; let them differ in one",
                          set->list[k].name);
                result = -1;
                break;
            }
    return result;
}

int source_load_all(struct source_set *set, struct arena *a, const struct settings *settings,
                    const struct entity_set *entities)
{
    struct dirent **files;
    int n = scandir(settings->sources, &files, is_json, by_name);
    if (n < 0) {
        log_errno("cannot read the folder of source files %s", settings->sources);
        return -1;
    }
    int result = 0;
    *set = (struct source_set){.list = arena_array(a, (size_t)n, sizeof *set->list), .n = (size_t)n};
    const struct cfg **roots = arena_array(a, (size_t)n, sizeof *roots);
    for (int i = 0; i < n; i++) {
        roots[i] = cfg_open(a, arena_printf(a, "%s/%s", settings->sources, files[i]->d_name));
        if (!roots[i] || load(&set->list[i], a, roots[i], settings, entities) < 0)
            result = -1;
        free(files[i]);
    }
    free(files);
    return result == 0 ? check_apart(set, roots) : -1;
}
