#include "worker/entity_test.h"

#include <json-c/json.h>
#include <string.h>

#include "worker/cfg_value.h"
#include "worker/clean.h"
#include "worker/reader.h"

/* One test: the entity, its place in the file, what came out. */
struct trial {
    const struct entity *entity;
    const struct cfg *test;
    struct arena *arena;
    struct cleaned cleaned;
};

struct columns {
    struct arena *arena;
    const char **names;
    struct value *cells;
    size_t n;
};

static void add_column(const struct cfg *member, void *context)
{
    struct columns *c = context;
    struct value v = cfg_value(member, c->arena);
    if (v.kind != VALUE_STRING)
        cfg_error(member, "a cell of a CSV is a text");
    c->names[c->n] = member->key;
    c->cells[c->n++] = (struct value){VALUE_STRING, v.text ? v.text : "", v.len};
}

static struct document csv_document(const struct cfg *csv, struct arena *a)
{
    struct columns c = {.arena = a};
    size_t n = json_object_is_type(csv->value, json_type_object) ? (size_t)json_object_object_length(csv->value) : 0;
    c.names = arena_array(a, n, sizeof *c.names);
    c.cells = arena_array(a, n, sizeof *c.cells);
    cfg_each(csv, add_column, &c);
    return (struct document){.header = header_make(a, c.names, c.n), .cells = c.cells};
}

/* The text of an NDJSON line. When it cannot be parsed that is the one reason. */
static void clean_record(struct trial *t, const struct cfg *text)
{
    const struct format ndjson = {.kind = FORMAT_NDJSON, .encoding = "UTF-8"};
    struct record record;
    const char *s = cfg_value_string(text);
    reader_parse(&ndjson, NULL, s, strlen(s), t->arena, &record);
    if (!record.problem) {
        clean_document(t->entity, &record.document, t->arena, &t->cleaned);
        return;
    }
    t->cleaned =
        (struct cleaned){.rejected = true, .reasons = arena_alloc(t->arena, sizeof *record.problem), .n_reasons = 1};
    t->cleaned.reasons[0] = *record.problem;
}

/* Cleans what the test gives. False after a message. */
static bool clean(struct trial *t)
{
    const struct cfg *json = cfg_get(t->test, "document"), *csv = cfg_get(t->test, "csv");
    const struct cfg *record = cfg_get(t->test, "record");
    struct document d;
    if (json->present + csv->present + record->present != 1) {
        cfg_error(t->test, "one of \"document\", \"csv\" and \"record\" has to say what goes in");
        return false;
    }
    if (record->present) {
        clean_record(t, record);
        return true;
    }
    if (csv->present)
        d = csv_document(csv, t->arena);
    else if (json_object_is_type(json->value, json_type_object))
        d = cfg_document(json, t->arena);
    else {
        cfg_error(json, "an object was expected");
        return false;
    }
    clean_document(t->entity, &d, t->arena, &t->cleaned);
    return true;
}

static const char *reason_text(const struct reason *r, struct arena *a)
{
    return arena_printf(a, "%s: %s, %s%s%s%s", r->field ? r->field : "record", r->rule, reason_names[r->code],
                        r->value ? " (\"" : "", r->value ? r->value : "", r->value ? "\")" : "");
}

static const char *all_reasons(const struct cleaned *cleaned, struct arena *a)
{
    const char *text = "";
    for (size_t i = 0; i < cleaned->n_reasons; i++)
        text = arena_printf(a, "%s%s%s", text, i ? "; " : "", reason_text(&cleaned->reasons[i], a));
    return *text ? text : "none";
}

static const char *quoted(const char *text, size_t n, struct arena *a)
{
    return text ? arena_printf(a, "\"%.*s\"", (int)n, text) : "null";
}

static void compare_field(const struct cfg *expected, void *context)
{
    struct trial *t = context;
    const struct entity *e = t->entity;
    size_t i = 0;
    while (i < e->n_fields && strcmp(e->fields[i].name, expected->key) != 0)
        i++;
    if (i == e->n_fields) {
        cfg_error(expected, "%s has no field of that name", e->path);
        return;
    }
    const struct value wanted = cfg_value(expected, t->arena);
    const struct cell *got = &t->cleaned.cells[i];
    bool same = wanted.text && got->text ? wanted.len == got->len && memcmp(wanted.text, got->text, got->len) == 0
                                         : wanted.text == got->text;
    if (!same)
        cfg_error(expected, "expected %s, got %s", quoted(wanted.text, wanted.len, t->arena),
                  quoted(got->text, got->len, t->arena));
}

static bool same_reason(const struct cfg *expected, const struct reason *got)
{
    const char *field = cfg_string(expected, "field", NULL);
    return (field && got->field ? strcmp(field, got->field) == 0 : field == got->field) &&
           strcmp(cfg_need_string(expected, "rule"), got->rule) == 0 &&
           cfg_choice(expected, "reason", reason_names, -1) == (int)got->code;
}

static void compare_reasons(struct trial *t, const struct cfg *list)
{
    static const char *const keys[] = {"field", "rule", "reason", NULL};
    size_t n = cfg_length(list);
    if (n != t->cleaned.n_reasons)
        cfg_error(list, "expected %zu reasons, got %zu: %s", n, t->cleaned.n_reasons,
                  all_reasons(&t->cleaned, t->arena));
    for (size_t i = 0; i < n; i++) {
        cfg_keys(cfg_at(list, i), keys);
        if (n == t->cleaned.n_reasons && !same_reason(cfg_at(list, i), &t->cleaned.reasons[i]))
            cfg_error(cfg_at(list, i), "got %s", reason_text(&t->cleaned.reasons[i], t->arena));
    }
}

static void run(struct trial *t)
{
    static const char *const keys[] = {"name", "document", "csv", "record", "row", "reasons", NULL};
    const struct cfg *row = cfg_get(t->test, "row"), *reasons = cfg_get(t->test, "reasons");
    cfg_keys(t->test, keys);
    cfg_need_string(t->test, "name");
    if (!row->present && !reasons->present)
        cfg_error(t->test, "nothing is expected; \"row\" or \"reasons\" is missing");
    if (!clean(t))
        return;
    if (row->present && t->cleaned.rejected)
        cfg_error(row, "expected a row, but the record is rejected: %s", all_reasons(&t->cleaned, t->arena));
    else
        cfg_each(row, compare_field, t);
    if (reasons->present)
        compare_reasons(t, reasons);
}

int entity_test_run(const struct entity *e, const char *path, struct arena *a, int *n_tests)
{
    static const char *const keys[] = {"tests", NULL};
    const struct cfg *c = cfg_open(a, path);
    *n_tests = 0;
    if (!c)
        return -1;
    cfg_keys(c, keys);
    const struct cfg *tests = cfg_get(c, "tests");
    size_t n = cfg_length(tests);
    for (size_t i = 0; i < n; i++) {
        struct trial t = {.entity = e, .test = cfg_at(tests, i), .arena = a};
        run(&t);
    }
    *n_tests = (int)n;
    return cfg_failed(c) ? -1 : 0;
}
