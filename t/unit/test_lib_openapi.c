/* The OpenAPI document: what it says of paths, parameters and types. t/47-openapi.t holds it against a validator. */
#include "t/unit/described_contracts.h"
#include "t/unit/tap.h"

#include <json-c/json.h>

#include "lib/openapi.h"
#include "lib/openapi_name.h"

static struct arena a;

/* The document of a version as it is read back, strictly: no key twice, valid JSON. */
static const struct cfg *document(int version)
{
    struct buf b;
    buf_init(&b, SIZE_MAX / 2);
    ok(openapi_print(&described_set, version, OPENAPI_OPEN, &b) == 0, "a document is written");
    const struct cfg *root = cfg_parse(&a, "document", arena_memdup(&a, buf_str(&b), b.len), b.len);
    buf_release(&b);
    if (!root) {
        printf("Bail out! the document is no JSON\n");
        exit(EXIT_FAILURE);
    }
    ok(!cfg_failed(root), "no key is there twice");
    return root;
}

/* The value at a path whose steps stand one after the other, as compact JSON; NULL when nothing is there. */
static const char *at(const struct cfg *c, const char *const steps[])
{
    for (; *steps; steps++)
        c = cfg_get(c, *steps);
    return c->value ? json_object_to_json_string_ext(c->value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
                    : NULL;
}
#define AT(root, ...) at(root, (const char *const[]){__VA_ARGS__, NULL})

static void test_names(void)
{
    is(openapi_component_name(&a, &described[0]), "a.2F.7Bb.7D_v1", "a component's name keeps to its letters");
    is(openapi_path(&a, &described[0]), "/v1/a%2F%7Bb%7D", "a path is percent-encoded, so no brace opens a template");
    is(openapi_filter_key(&a, "price"), "price", "a plain column filters by its name");
    is(openapi_filter_key(&a, "limit"), "\"limit\"", "a reserved word wants quotes");
    is(openapi_filter_key(&a, "a \"b\"\\"), "\"a \\\"b\\\"\\\\\"", "as does what the grammar has no letter for");
}

static void test_versions(void)
{
    const struct cfg *all = document(0), *two = document(2);
    ok(AT(all, "paths", "/v1/parts") && AT(all, "paths", "/v2/a%2F%7Bb%7D"), "all versions");
    ok(!AT(two, "paths", "/v1/parts") && AT(two, "paths", "/v2/a%2F%7Bb%7D"), "or one");
    ok(AT(two, "components", "schemas", "a.2F.7Bb.7D_v2") && !AT(two, "components", "schemas", "parts_v1"),
       "with its schemas alone");
    ok(!AT(all, "servers"), "no server is named");
    is(AT(two, "info", "title"), "\"Contracts of version 2\"", "the title tells which");
    struct buf b;
    buf_init(&b, SIZE_MAX / 2);
    ok(openapi_print(&described_set, 3, OPENAPI_OPEN, &b) < 0 && b.len == 0,
       "a version without contracts has no document");
    buf_release(&b);
}

/* The name of the state changes with what is described, and with nothing else. */
static void test_state(void)
{
    const char *first = AT(document(1), "info", "version"), *other = AT(document(2), "info", "version");
    ok(strlen(first) == 18, "info.version is a short hash");
    part_columns[0].comment = "Where it is made.";
    ok(strcmp(AT(document(1), "info", "version"), first) != 0, "a comment changes it");
    is(AT(document(2), "info", "version"), other, "but not that of another version");
    part_columns[0].comment = NULL;
    is(AT(document(1), "info", "version"), first, "and what is as it was has the name it had");
}

static void test_types(void)
{
#define COLUMN(name) AT(root, "components", "schemas", "a.2F.7Bb.7D_v1", "properties", name)
    const struct cfg *root = document(0);
    is(COLUMN("order"),
       "{\"type\":\"string\",\"maxLength\":8,\"description\":\"Ends */ here.\\n\\\"Quoted\\\".\","
       "\"x-postgres-type\":\"character varying(8)\"}",
       "not null, a length, a comment");
    is(COLUMN("say \"hi\""), "{\"type\":[\"boolean\",\"null\"],\"x-postgres-type\":\"boolean\"}", "null is a type");
    is(COLUMN("words"),
       "{\"type\":\"array\",\"items\":{\"type\":[\"string\",\"null\"]},\"x-postgres-type\":\"text[]\"}",
       "an array, whose items may be null");
    is(COLUMN("mood"), "{\"x-postgres-type\":\"api.mood\"}", "what the contract does not explain may be anything");
    is(COLUMN("at"),
       "{\"type\":[\"string\",\"null\"],\"format\":\"date-time\",\"x-postgres-type\":\"timestamp(3) with time zone\"}",
       "a modifier in the middle");
    is(COLUMN("ratio"), "{\"type\":[\"number\",\"null\"],\"x-postgres-type\":\"numeric(5,2)\"}", "a number");
    is(COLUMN("n"), "{\"type\":[\"integer\",\"null\"],\"format\":\"int16\",\"x-postgres-type\":\"smallint\"}",
       "an integer");
    is(AT(root, "components", "schemas", "a.2F.7Bb.7D_v1", "required"), "[\"order\",\"words\",\"document\"]",
       "not null is required");
    is(AT(root, "components", "schemas", "parts_v1", "required"), NULL, "nothing is, where all may be null");
}

static void test_paths(void)
{
    const struct cfg *root = document(0), *list = cfg_get(cfg_get(root, "paths"), "/v1/a%2F%7Bb%7D");
    const struct cfg *parameters = cfg_get(list, "parameters");
    const char *names = "";
    for (size_t i = 0; i < cfg_length(parameters); i++)
        names = arena_printf(&a, "%s %s", names, cfg_string(cfg_at(parameters, i), "name", "-"));
    is(names, " - - - - - - - - - - - - \"order\" \"say \\\"hi\\\"\" words mood at ratio n document",
       "twelve shared parameters, and one for each column");
    is(AT(list, "get", "deprecated"), "true", "deprecated");
    is(AT(list, "head", "x-sunset"), "\"2027-03-01\"", "and until when");
    is(AT(list, "get", "x-successor"), "\"/v2/a%2F%7Bb%7D\"", "and what comes after");
    is(AT(list, "get", "parameters"), "[{\"$ref\":\"#/components/parameters/range\"}]", "Range is for GET");
    ok(!AT(list, "head", "parameters") && !AT(list, "head", "responses", "200", "content"),
       "HEAD has neither that nor a body");
    is(AT(root, "paths", "/v1/a%2F%7Bb%7D/{key}", "get", "responses", "200", "content", "application/json", "schema",
          "$ref"),
       "\"#/components/schemas/a.2F.7Bb.7D_v1\"", "one row by its key");
    ok(!AT(root, "paths", "/v2/a%2F%7Bb%7D/{key}"), "which a contract without a key does not have");
    const struct cfg *key = cfg_at(cfg_get(cfg_get(cfg_get(root, "paths"), "/v1/parts/{key}"), "parameters"), 0);
    is(AT(key, "schema"), "{\"type\":\"string\"}", "a key of several columns is text");
    ok(strstr(cfg_string(key, "description", ""), "country, number"), "which names them in their order");
}

int main(void)
{
    arena_init(&a);
    test_names();
    test_versions();
    test_state();
    test_types();
    test_paths();
    arena_release(&a);
    return tap_done();
}
