#include "worker/entity.h"

#include <json-c/json.h>
#include <string.h>

#include "lib/log.h"
#include "lib/text.h"
#include "worker/entity_field.h"
#include "worker/entity_load.h"

enum { LONGEST_NAME = 63 };

/* NAME of ".../NAME.json" */
static const char *file_name(const char *path, struct arena *a)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t n = strlen(name);
    if (n > 5 && strcmp(name + n - 5, ".json") == 0)
        n -= 5;
    return arena_memdup(a, name, n);
}

static void load_table(struct entity *e, const struct cfg *c, struct arena *a)
{
    const char *table = cfg_need_string(c, "table"), *dot = strchr(table, '.');
    if (*table && (!dot || dot == table || !dot[1] || strchr(dot + 1, '.') || strlen(dot + 1) > LONGEST_NAME ||
                   dot - table > LONGEST_NAME))
        cfg_error(cfg_get(c, "table"), "a schema and a table were expected, such as \"dp.product\"");
    e->schema = dot ? arena_memdup(a, table, (size_t)(dot - table)) : "";
    e->table = dot ? dot + 1 : "";
}

const char *const limit_keys[] = {"rejectPercent", NULL};

static double load_percent(const struct cfg *limits)
{
    const struct cfg *v = cfg_get(limits, "rejectPercent");
    if (!limits->present)
        return 100;
    cfg_keys(limits, limit_keys);
    if (!v->present)
        return 100;
    double percent = json_object_get_double(v->value);
    bool number = json_object_is_type(v->value, json_type_int) || json_object_is_type(v->value, json_type_double);
    if (number && percent >= 0 && percent <= 100)
        return percent;
    cfg_error(v, "a number from 0 to 100 was expected");
    return 100;
}

const struct field *entity_find_field(const struct entity *e, const char *name)
{
    for (size_t i = 0; i < e->n_fields; i++)
        if (strcmp(e->fields[i].name, name) == 0)
            return &e->fields[i];
    return NULL;
}

/* Tells that there is no field of that name, with the nearest. */
static void tell_no_field(const struct entity *e, const struct cfg *c, const char *name, struct arena *a)
{
    const char **names = arena_array(a, e->n_fields + 1, sizeof *names);
    for (size_t i = 0; i < e->n_fields; i++)
        names[i] = e->fields[i].name;
    const char *near = text_nearest(name, names);
    cfg_error(c, "no field \"%s\"%s%s%s", name, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static void load_primary_key(struct entity *e, const struct cfg *c, struct arena *a)
{
    const struct cfg *v = cfg_get(c, "primaryKey");
    size_t n;
    e->primary_key = cfg_strings(c, "primaryKey", &n);
    if (!n)
        cfg_error(v->present ? v : c, "\"primaryKey\" has to name the fields by which a record is known");
    for (size_t i = 0; i < n; i++) {
        const struct field *f = entity_find_field(e, e->primary_key[i]);
        bool client = strcmp(e->primary_key[i], "client") == 0;
        if (!f && !client)
            tell_no_field(e, cfg_at(v, i), e->primary_key[i], a);
        else if (f && !f->required)
            cfg_error(cfg_at(v, i), "a field of the key has to have \"constraints\": {\"required\": true}");
        e->keyed_by_client = e->keyed_by_client || (client && !f);
        if (f)
            e->fields[f - e->fields].key = true;
        for (size_t k = 0; k < i; k++)
            if (strcmp(e->primary_key[k], e->primary_key[i]) == 0)
                cfg_error(cfg_at(v, i), "named twice");
    }
    if (n == 1 && e->keyed_by_client)
        cfg_error(v, "the client alone cannot be the key");
}

/* Names that the table gives to something else than a field of the record. */
static void check_names(const struct entity *e, const struct cfg *fields)
{
    static const char *const ours[] = {COLUMN_RAW_BATCH, COLUMN_RAW_LINE, COLUMN_GONE_AT};
    for (size_t i = 0; i < e->n_fields; i++) {
        const char *name = e->fields[i].name;
        const struct cfg *c = cfg_get(cfg_at(fields, i), "name");
        for (size_t k = 0; k < ARRAY_SIZE(ours); k++)
            if (strcmp(ours[k], name) == 0)
                cfg_error(c, "Oriel itself writes the column \"%s\"", name);
        if (e->id && strcmp(e->id, name) == 0)
            cfg_error(c, "Oriel itself assigns the id \"%s\"", name);
        for (size_t k = 0; k < i; k++)
            if (*name && strcmp(e->fields[k].name, name) == 0)
                cfg_error(c, "a second field \"%s\"", name);
    }
}

static void load_fields(struct entity *e, const struct cfg *c, struct arena *a)
{
    const struct cfg *fields = cfg_get(c, "fields");
    e->n_fields = cfg_length(fields);
    e->fields = arena_array(a, e->n_fields, sizeof *e->fields);
    if (!e->n_fields)
        cfg_error(c, "\"fields\" has to list at least one field");
    for (size_t i = 0; i < e->n_fields; i++)
        field_load(&e->fields[i], cfg_at(fields, i), a);
    check_names(e, fields);
}

const char *const entity_keys[] = {"entity", "table",  "primaryKey", "id",          "orderBy", "unknown",
                                   "limits", "fields", "title",      "description", NULL};

struct entity *entity_load(struct arena *a, const struct cfg *c)
{
    static const char *const unknown[] = {"keep_raw", NULL};
    struct entity *e = arena_alloc(a, sizeof *e);
    size_t n;
    const char *text = cfg_text(c, &n);
    char *sha256 = arena_alloc(a, 65);
    text_sha256(text, n, sha256);
    *e = (struct entity){.file = file_name(cfg_path(c), a), .path = cfg_path(c), .sha256 = sha256};
    cfg_keys(c, entity_keys);
    e->name = cfg_need_string(c, "entity");
    load_table(e, c, a);
    e->id = cfg_string(c, "id", NULL);
    if (e->id && (!*e->id || strlen(e->id) > LONGEST_NAME))
        cfg_error(cfg_get(c, "id"), "the name of a column was expected, or null");
    cfg_choice(c, "unknown", unknown, 0);
    e->reject_percent = load_percent(cfg_get(c, "limits"));
    load_fields(e, c, a);
    load_primary_key(e, c, a);
    e->order_by = cfg_string(c, "orderBy", NULL);
    if (e->order_by && !entity_find_field(e, e->order_by))
        tell_no_field(e, cfg_get(c, "orderBy"), e->order_by, a);
    return cfg_failed(c) ? NULL : e;
}

struct entity *entity_parse(struct arena *a, const char *path, const char *text, size_t n)
{
    const struct cfg *c = cfg_parse(a, path, text, n);
    return c ? entity_load(a, c) : NULL;
}

bool entity_adds(const struct entity *e, const char *column)
{
    return strcmp(column, COLUMN_RAW_BATCH) == 0 || strcmp(column, COLUMN_RAW_LINE) == 0 ||
           strcmp(column, COLUMN_GONE_AT) == 0 || (e->id && strcmp(column, e->id) == 0) ||
           (e->keyed_by_client && strcmp(column, "client") == 0);
}

const struct field *entity_key_field(const struct entity *e)
{
    const struct field *key = NULL;
    for (const char *const *name = e->primary_key; *name; name++) {
        if (strcmp(*name, "client") == 0)
            continue;
        if (key)
            return NULL;
        key = entity_find_field(e, *name);
    }
    return key;
}
