#include "lib/openapi_component.h"

/* An `and` or `or` of the query. */
#define LOGIC_SYNTAX "conditions in parentheses, separated by commas: (price.lt.5,and(price.gt.100,in_stock.is.true))"

static const struct {
    const char *component, *name, *in, *description;
    bool count; /* a whole number from 0, else text */
    int places;
} parameters[] = {
    {"select", "select", "query",
     "Columns to show, separated by commas, each perhaps with a name before it, a cast or a path into JSON behind it: "
     "id,title:name,price::text,tags->>0. A related contract has its columns in parentheses: name,vendor(name). All "
     "columns when absent.",
     false, OPENAPI_LIST | OPENAPI_ROW},
    {"order", "order", "query",
     "Columns to sort by, separated by commas: price.desc.nullslast,name. Behind a column: asc or desc, nullsfirst or "
     "nullslast.",
     false, OPENAPI_LIST},
    {"limit", "limit", "query", "How many rows at most. The server has a maximum of its own.", true, OPENAPI_LIST},
    {"offset", "offset", "query", "How many rows to leave out at the start.", true, OPENAPI_LIST},
    {"after", "after", "query",
     "A cursor: rows behind the page that gave it, in its Link with rel=\"next\". Good for the same list in the same "
     "order.",
     false, OPENAPI_LIST},
    {"and", "and", "query", "All of: " LOGIC_SYNTAX, false, OPENAPI_LIST},
    {"or", "or", "query", "Any of: " LOGIC_SYNTAX, false, OPENAPI_LIST},
    {"not.and", "not.and", "query", "Not all of: " LOGIC_SYNTAX, false, OPENAPI_LIST},
    {"not.or", "not.or", "query", "None of: " LOGIC_SYNTAX, false, OPENAPI_LIST},
    {"range", "Range", "header",
     "Rows to show, counted from 0, both ends included: 40-59, or 40- for all from there on.", false, OPENAPI_GET},
    {"if-none-match", "If-None-Match", "header", "ETags of answers at hand: 304 where the answer is one of them.",
     false, OPENAPI_LIST | OPENAPI_ROW},
    {"if-modified-since", "If-Modified-Since", "header",
     "Last-Modified of the answer at hand: 304 where it has not changed since. If-None-Match goes before it.", false,
     OPENAPI_LIST | OPENAPI_ROW},
    {"prefer", "Prefer", "header",
     "Preferences, separated by commas: count=exact, count=planned or count=estimated gives the total in "
     "Content-Range; "
     "timezone=Europe/Berlin has times in that zone; handling=strict refuses preferences that are not known.",
     false, OPENAPI_LIST | OPENAPI_ROW},
};

static const struct {
    const char *status, *component, *description;
    int places;
} errors[] = {
    {"300", "multipleChoices", "Several relationships fit what is to be embedded; details lists them.",
     OPENAPI_LIST | OPENAPI_ROW},
    {"400", "badRequest", "The query cannot be understood, or a value does not fit its column.",
     OPENAPI_LIST | OPENAPI_ROW},
    {"404", "notFound", "No row has this key.", OPENAPI_ROW},
    {"406", "notAcceptable", "No media type of Accept can be given, or one object was asked for and it is not one row.",
     OPENAPI_LIST | OPENAPI_ROW},
    {"416", "rangeNotSatisfiable", "The rows asked for begin behind the last one, or the range is none.", OPENAPI_LIST},
    {"503", "unavailable", "The database is away, or does not hold what this contract promises. Try again later.",
     OPENAPI_LIST | OPENAPI_ROW},
    {"504", "timeout", "The query took too long.", OPENAPI_LIST | OPENAPI_ROW},
    {"default", "error", "Another error.", OPENAPI_LIST | OPENAPI_ROW},
};

static const struct {
    const char *name, *description;
    int places; /* of answers with rows; 0 for Retry-After, which answers without them have */
} headers[] = {
    {"Content-Range", "First and last row shown, counted from 0, and the total, * where it is not known: 0-24/573.",
     OPENAPI_LIST},
    {"Content-Location", "Path and query, as they were asked.", OPENAPI_LIST | OPENAPI_ROW},
    {"Preference-Applied", "Which preferences were heeded.", OPENAPI_LIST | OPENAPI_ROW},
    {"ETag", "The name of this answer, for If-None-Match.", OPENAPI_LIST | OPENAPI_ROW},
    {"Last-Modified", "When the data behind this answer last changed, where that is known.",
     OPENAPI_LIST | OPENAPI_ROW},
    {"Cache-Control", "For how long a cache may give this answer out again by itself.", OPENAPI_LIST | OPENAPI_ROW},
    {"Server-Timing", "Milliseconds that it took, db of them at the database: db;dur=1.3, total;dur=1.5.",
     OPENAPI_LIST | OPENAPI_ROW},
    {"Deprecation", "true: there is something better.", OPENAPI_END},
    {"Sunset", "When the contract ends, as an HTTP date.", OPENAPI_END},
    {"Link",
     "With rel=\"next\": the page behind this one, where it is full. With rel=\"successor-version\": what to ask for "
     "instead.",
     OPENAPI_LIST | OPENAPI_END},
    {"Retry-After", "Seconds to wait before trying again.", 0},
};

void openapi_parameter_refs(struct json_writer *w, enum openapi_place place)
{
    for (size_t i = 0; i < ARRAY_SIZE(parameters); i++)
        if (parameters[i].places & (int)place)
            json_component(w, NULL, "parameters", parameters[i].component);
}

void openapi_error_refs(struct json_writer *w, enum openapi_place place)
{
    for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
        if (errors[i].places & (int)place)
            json_component(w, errors[i].status, "responses", errors[i].component);
}

void openapi_header_refs(struct json_writer *w, int places)
{
    json_open_object(w, "headers");
    for (size_t i = 0; i < ARRAY_SIZE(headers); i++)
        if (headers[i].places & places)
            json_component(w, headers[i].name, "headers", headers[i].name);
    json_close_object(w);
}

static void put_type(struct json_writer *w, const char *type)
{
    json_open_object(w, "schema");
    json_string(w, "type", type);
    json_close_object(w);
}

static void put_parameters(struct json_writer *w)
{
    json_open_object(w, "parameters");
    for (size_t i = 0; i < ARRAY_SIZE(parameters); i++) {
        json_open_object(w, parameters[i].component);
        json_string(w, "name", parameters[i].name);
        json_string(w, "in", parameters[i].in);
        json_string(w, "description", parameters[i].description);
        if (parameters[i].count) {
            json_open_object(w, "schema");
            json_string(w, "type", "integer");
            json_integer(w, "minimum", 0);
            json_close_object(w);
        } else {
            put_type(w, "string");
        }
        json_close_object(w);
    }
    json_close_object(w);
}

static void put_headers(struct json_writer *w)
{
    json_open_object(w, "headers");
    for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
        json_open_object(w, headers[i].name);
        json_string(w, "description", headers[i].description);
        put_type(w, headers[i].places ? "string" : "integer");
        json_close_object(w);
    }
    json_close_object(w);
}

static void put_error_content(struct json_writer *w)
{
    json_open_object(w, "content");
    json_open_object(w, "application/json");
    json_component(w, "schema", "schemas", "error");
    json_close_object(w);
    json_close_object(w);
}

static void put_bodiless_responses(struct json_writer *w)
{
    json_open_object(w, "notModified");
    json_string(w, "description", "The answer is one that If-None-Match names.");
    json_open_object(w, "headers");
    json_component(w, "ETag", "headers", "ETag");
    json_component(w, "Cache-Control", "headers", "Cache-Control");
    json_close_object(w);
    json_close_object(w);
    json_open_object(w, "headError");
    json_string(w, "description", "The status that GET would have, without a body.");
    json_close_object(w);
}

static void put_responses(struct json_writer *w)
{
    json_open_object(w, "responses");
    for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
        json_open_object(w, errors[i].component);
        json_string(w, "description", errors[i].description);
        if (strcmp(errors[i].status, "503") == 0) {
            json_open_object(w, "headers");
            json_component(w, "Retry-After", "headers", "Retry-After");
            json_close_object(w);
        }
        put_error_content(w);
        json_close_object(w);
    }
    put_bodiless_responses(w);
    json_close_object(w);
}

void openapi_shared_components(struct json_writer *w)
{
    put_parameters(w);
    put_headers(w);
    put_responses(w);
}

static void put_property(struct json_writer *w, const char *name, const char *description, bool nullable)
{
    json_open_object(w, name);
    if (strcmp(name, "details") == 0)
        json_strings(w, "type", (const char *const[]){"string", "array", "null", NULL});
    else if (nullable)
        json_strings(w, "type", (const char *const[]){"string", "null", NULL});
    else
        json_string(w, "type", "string");
    json_string(w, "description", description);
    json_close_object(w);
}

static void put_error_schema(struct json_writer *w)
{
    json_open_object(w, "error");
    json_string(w, "type", "object");
    json_string(w, "description", "Every error has these members.");
    json_strings(w, "required", (const char *const[]){"code", "message", "details", "hint", NULL});
    json_open_object(w, "properties");
    put_property(w, "code", "PGRST and a number as PostgREST has it, ORIEL and a number, or Postgres' SQLSTATE.",
                 false);
    put_property(w, "message", "What is wrong.", false);
    put_property(w, "details", "Where, or more about it; a list of relationships with PGRST201.", true);
    put_property(w, "hint", "What to do instead.", true);
    json_close_object(w);
    json_close_object(w);
}

static void put_filter_schema(struct json_writer *w)
{
    json_open_object(w, "filter");
    json_string(w, "type", "string");
    json_string(
        w, "description",
        "A condition: operator, dot, value; \"not.\" before it turns it round. Several on one column, joined by "
        "and, are written with the parameter `and`.");
    json_string(w, "pattern",
                "^(not\\.)?((eq|gt|gte|lt|lte|like|ilike|match|imatch)(\\((any|all)\\))?"
                "|neq|in|is|isdistinct|cs|cd|ov|sl|sr|nxr|nxl|adj|(fts|plfts|phfts|wfts)(\\([^)]*\\))?)\\.");
    json_strings(w, "examples",
                 (const char *const[]){"eq.42", "gte.10", "in.(a,b)", "is.null", "not.is.null", "ilike.*saw*", NULL});
    json_close_object(w);
}

void openapi_shared_schemas(struct json_writer *w)
{
    put_error_schema(w);
    put_filter_schema(w);
}

static const char scheme[] = "bearerToken";

void openapi_security(struct json_writer *w, enum openapi_access access)
{
    if (access == OPENAPI_OPEN)
        return;
    json_open_array(w, "security");
    json_open_object(w, NULL);
    json_open_array(w, scheme);
    json_close_array(w);
    json_close_object(w);
    if (access == OPENAPI_TOKEN_OR_NONE) { /* an empty requirement is one that holds always */
        json_open_object(w, NULL);
        json_close_object(w);
    }
    json_close_array(w);
}

void openapi_security_schemes(struct json_writer *w, enum openapi_access access)
{
    if (access == OPENAPI_OPEN)
        return;
    json_open_object(w, "securitySchemes");
    json_open_object(w, scheme);
    json_string(w, "type", "http");
    json_string(w, "scheme", "bearer");
    json_string(w, "bearerFormat", "JWT");
    json_close_object(w);
    json_close_object(w);
}
