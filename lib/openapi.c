#include "lib/openapi.h"

#include "lib/column_type.h"
#include "lib/openapi_component.h"
#include "lib/openapi_name.h"
#include "lib/text.h"

enum { SHORT_HASH = 16 }; /* hexadecimal digits that tell states of the contracts apart */

static const char about[] = "Versioned, read-only views of a database. A query takes the read part of PostgREST's "
                            "grammar. Numbers come as they "
                            "are stored, to the last digit; NaN and infinities come as strings.";

struct printing {
    struct json_writer w;
    struct arena a;
    const struct contract_set *set; /* all, for what a contract refers to */
    enum openapi_access access;
};

/* --- schemas --- */

static const char *const form_names[N_COLUMN_FORMS] = {
    [FORM_BOOLEAN] = "boolean", [FORM_INTEGER] = "integer", [FORM_NUMBER] = "number", [FORM_STRING] = "string"};

/* As JSON Schema 2020-12 has it: a type, or a list of types with "null" among them. */
static void put_type(struct json_writer *w, const char *name, bool nullable)
{
    if (nullable)
        json_strings(w, "type", (const char *const[]){name, "null", NULL});
    else
        json_string(w, "type", name);
}

/* One value of the type; any value where the type is FORM_ANY. */
static void put_value_type(struct json_writer *w, const struct column_type *type, bool nullable)
{
    if (type->form == FORM_ANY)
        return;
    put_type(w, form_names[type->form], nullable);
    json_string(w, "format", type->format);
    if (type->max_length)
        json_integer(w, "maxLength", type->max_length);
}

static void put_column_type(struct json_writer *w, const struct contract_column *column, bool nullable)
{
    struct column_type type = column_type_read(column->type);
    if (!type.array) {
        put_value_type(w, &type, nullable);
        return;
    }
    put_type(w, "array", nullable);
    json_open_object(w, "items");
    put_value_type(w, &type, true);
    json_close_object(w);
}

/* Where the contract goes: said of its rows and of what asks for them. */
static void put_life(struct printing *p, const struct contract *c)
{
    if (c->deprecated)
        json_true(&p->w, "deprecated");
    json_string(&p->w, "x-sunset", c->sunset);
    const struct contract *successor = c->successor ? contract_find_view(p->set, c->successor) : NULL;
    if (successor)
        json_string(&p->w, "x-successor", openapi_path(&p->a, successor));
}

static void put_required(struct json_writer *w, struct arena *a, const struct contract *c)
{
    const char **names = arena_array(a, c->n_columns + 1, sizeof *names);
    size_t n = 0;
    for (size_t i = 0; i < c->n_columns; i++)
        if (c->columns[i].not_null)
            names[n++] = c->columns[i].name;
    if (n)
        json_strings(w, "required", names);
}

static void put_row_schema(struct printing *p, const struct contract *c)
{
    struct json_writer *w = &p->w;
    json_open_object(w, openapi_component_name(&p->a, c));
    json_string(w, "type", "object");
    json_string(w, "description", c->comment);
    put_life(p, c);
    put_required(w, &p->a, c);
    json_open_object(w, "properties");
    for (size_t i = 0; i < c->n_columns; i++) {
        const struct contract_column *column = &c->columns[i];
        json_open_object(w, column->name);
        put_column_type(w, column, !column->not_null);
        json_string(w, "description", column->comment);
        json_string(w, "x-postgres-type", column->type);
        json_close_object(w);
    }
    json_close_object(w);
    json_close_object(w);
}

/* --- parameters --- */

static const char *filter_example(const struct column_type *type)
{
    static const char *const examples[N_COLUMN_FORMS] = {[FORM_ANY] = "not.is.null",
                                                         [FORM_BOOLEAN] = "is.true",
                                                         [FORM_INTEGER] = "gte.10",
                                                         [FORM_NUMBER] = "lt.9.5",
                                                         [FORM_STRING] = "eq.abc"};
    static const struct {
        const char *format, *example;
    } by_format[] = {
        {"date", "gte.2026-01-31"},
        {"date-time", "gte.2026-01-31T12:00:00Z"},
        {"date-time-local", "gte.2026-01-31T12:00:00"},
        {"time-local", "gte.12:00:00"},
        {"uuid", "eq.7d444840-9dc0-11d1-b245-5ffdce74fad2"},
    };
    if (type->array)
        return "cs.{a,b}";
    for (size_t i = 0; type->format && i < ARRAY_SIZE(by_format); i++)
        if (strcmp(by_format[i].format, type->format) == 0)
            return by_format[i].example;
    return examples[type->form];
}

static void put_filter(struct printing *p, const struct contract_column *column)
{
    struct json_writer *w = &p->w;
    struct column_type type = column_type_read(column->type);
    json_open_object(w, NULL);
    json_string(w, "name", openapi_filter_key(&p->a, column->name));
    json_string(w, "in", "query");
    json_string(w, "description",
                arena_printf(&p->a, "Condition on %s (%s).%s%s", column->name, column->type, column->comment ? " " : "",
                             column->comment ? column->comment : ""));
    json_component(w, "schema", "schemas", "filter");
    json_string(w, "example", filter_example(&type));
    json_close_object(w);
}

static void put_key_parameter(struct printing *p, const struct contract *c)
{
    struct json_writer *w = &p->w;
    const char *names = c->key[0];
    for (size_t i = 1; c->key[i]; i++)
        names = arena_printf(&p->a, "%s, %s", names, c->key[i]);
    json_open_object(w, NULL);
    json_string(w, "name", "key");
    json_string(w, "in", "path");
    json_true(w, "required");
    if (c->key[1])
        json_string(w, "description",
                    arena_printf(&p->a,
                                 "Values of %s, in this order, separated by commas; one that holds a comma itself "
                                 "stands in double quotes.",
                                 names));
    else
        json_string(w, "description", arena_printf(&p->a, "Value of %s.", names));
    json_open_object(w, "schema");
    if (c->key[1])
        json_string(w, "type", "string");
    else
        put_column_type(w, contract_find_column(c, c->key[0]), false);
    json_close_object(w);
    json_close_object(w);
}

/* --- operations --- */

static void put_media(struct printing *p, const char *media, bool list, const char *schema)
{
    struct json_writer *w = &p->w;
    json_open_object(w, media);
    if (list) {
        json_open_object(w, "schema");
        json_string(w, "type", "array");
        json_component(w, "items", "schemas", schema);
        json_close_object(w);
    } else {
        json_component(w, "schema", "schemas", schema);
    }
    json_close_object(w);
}

/* A line with the names of the columns, and one for each row. */
static void put_csv(struct json_writer *w)
{
    json_open_object(w, "text/csv");
    json_open_object(w, "schema");
    json_string(w, "type", "string");
    json_close_object(w);
    json_close_object(w);
}

struct answer_with_rows {
    const char *status, *description;
    enum openapi_place place;
    bool object_too; /* may be asked for as one object */
};
static const struct answer_with_rows list_answers[] = {
    {"200", "Rows: all of them, or as many as were asked for while the total is not known.", OPENAPI_LIST, true},
    {"206", "A part of the rows, the total being known.", OPENAPI_LIST, false},
};
static const struct answer_with_rows row_answers[] = {{"200", "The row.", OPENAPI_ROW, true}};

static void put_answer(struct printing *p, const struct contract *c, const struct answer_with_rows *answer, bool head)
{
    struct json_writer *w = &p->w;
    const char *schema = openapi_component_name(&p->a, c);
    bool list = answer->place == OPENAPI_LIST, ends = c->deprecated || c->sunset || c->successor;
    json_open_object(w, answer->status);
    json_string(w, "description", answer->description);
    openapi_header_refs(w, (int)answer->place | (ends ? OPENAPI_END : 0));
    if (!head) {
        json_open_object(w, "content");
        put_media(p, "application/json", list, schema);
        if (answer->object_too)
            put_media(p, "application/vnd.pgrst.object+json", false, schema);
        put_csv(w);
        json_close_object(w);
    }
    json_close_object(w);
}

static void put_responses(struct printing *p, const struct contract *c, enum openapi_place place, bool head)
{
    struct json_writer *w = &p->w;
    const struct answer_with_rows *answers = place == OPENAPI_LIST ? list_answers : row_answers;
    size_t n = place == OPENAPI_LIST ? ARRAY_SIZE(list_answers) : ARRAY_SIZE(row_answers);
    json_open_object(w, "responses");
    for (size_t i = 0; i < n; i++)
        put_answer(p, c, &answers[i], head);
    json_component(w, "304", "responses", "notModified");
    if (!head) {
        openapi_error_refs(w, place);
    } else {
        json_component(w, "default", "responses", "headError");
    }
    json_close_object(w);
}

static void put_operation(struct printing *p, const struct contract *c, enum openapi_place place, bool head)
{
    struct json_writer *w = &p->w;
    const char *name = openapi_component_name(&p->a, c), *method = head ? "head" : "get";
    bool list = place == OPENAPI_LIST;
    json_open_object(w, method);
    json_string(w, "operationId", arena_printf(&p->a, "%s_%s%s", method, name, list ? "" : "_by_key"));
    json_string(w, "summary",
                arena_printf(&p->a, "%s of %s@%d%s", list ? "Rows" : "One row", c->entity, c->version,
                             head ? ": the headers alone" : ""));
    json_string(w, "description", c->comment);
    json_strings(w, "tags", (const char *const[]){c->entity, NULL});
    put_life(p, c);
    if (list && !head) {
        json_open_array(w, "parameters");
        openapi_parameter_refs(w, OPENAPI_GET);
        json_close_array(w);
    }
    put_responses(p, c, place, head);
    json_close_object(w);
}

static void put_list_path(struct printing *p, const struct contract *c)
{
    struct json_writer *w = &p->w;
    json_open_object(w, openapi_path(&p->a, c));
    json_open_array(w, "parameters");
    openapi_parameter_refs(w, OPENAPI_LIST);
    for (size_t i = 0; i < c->n_columns; i++)
        put_filter(p, &c->columns[i]);
    json_close_array(w);
    put_operation(p, c, OPENAPI_LIST, false);
    put_operation(p, c, OPENAPI_LIST, true);
    json_close_object(w);
}

static void put_row_path(struct printing *p, const struct contract *c)
{
    struct json_writer *w = &p->w;
    if (!*c->key)
        return;
    json_open_object(w, arena_printf(&p->a, "%s/{key}", openapi_path(&p->a, c)));
    json_open_array(w, "parameters");
    put_key_parameter(p, c);
    openapi_parameter_refs(w, OPENAPI_ROW);
    json_close_array(w);
    put_operation(p, c, OPENAPI_ROW, false);
    put_operation(p, c, OPENAPI_ROW, true);
    json_close_object(w);
}

/* --- the document --- */

/* Over all that the lock file says of these contracts. */
static const char *state_hash(struct arena *a, const struct contract_set *chosen)
{
    struct buf text;
    char hex[65];
    buf_init(&text, SIZE_MAX / 2);
    contract_lock_print(chosen, &text);
    text_sha256(buf_str(&text), text.len, hex);
    buf_release(&text);
    return arena_printf(a, "%.*s", SHORT_HASH, hex);
}

static void put_info(struct printing *p, const struct contract_set *chosen, int version)
{
    struct json_writer *w = &p->w;
    json_open_object(w, "info");
    json_string(w, "title", version ? arena_printf(&p->a, "Contracts of version %d", version) : "Contracts");
    json_string(w, "description", about);
    json_string(w, "version", state_hash(&p->a, chosen));
    json_close_object(w);
}

static void put_document(struct printing *p, const struct contract_set *chosen, int version)
{
    struct json_writer *w = &p->w;
    json_open_object(w, NULL);
    json_string(w, "openapi", "3.1.0");
    put_info(p, chosen, version);
    openapi_security(w, p->access);
    json_open_object(w, "paths");
    for (size_t i = 0; i < chosen->n; i++) {
        put_list_path(p, &chosen->contracts[i]);
        put_row_path(p, &chosen->contracts[i]);
    }
    json_close_object(w);
    json_open_object(w, "components");
    json_open_object(w, "schemas");
    for (size_t i = 0; i < chosen->n; i++)
        put_row_schema(p, &chosen->contracts[i]);
    openapi_shared_schemas(w);
    json_close_object(w);
    openapi_shared_components(w);
    openapi_security_schemes(w, p->access);
    json_close_object(w);
    json_close_object(w);
    buf_putc(w->out, '\n');
}

enum openapi_access openapi_access_read(const struct cfg *responder)
{
    const struct cfg *tokens = cfg_get(responder, "tokens");
    if (!tokens->value)
        return OPENAPI_OPEN;
    return cfg_bool(tokens, "anonymous", false) ? OPENAPI_TOKEN_OR_NONE : OPENAPI_TOKEN;
}

int openapi_print(const struct contract_set *set, int version, enum openapi_access access, struct buf *out)
{
    struct printing p = {.w = {.out = out}, .set = set, .access = access};
    arena_init(&p.a);
    struct contract_set chosen = {.contracts = arena_array(&p.a, set->n, sizeof *chosen.contracts)};
    for (size_t i = 0; i < set->n; i++)
        if (!version || set->contracts[i].version == version)
            chosen.contracts[chosen.n++] = set->contracts[i];
    int result = version && !chosen.n ? -1 : 0;
    if (result == 0)
        put_document(&p, &chosen, version);
    arena_release(&p.a);
    return result;
}
