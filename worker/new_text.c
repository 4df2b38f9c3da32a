#include "worker/new_text.h"

#include <json-c/json.h>

#include "worker/convert.h"
#include "worker/quote.h"

enum { SHORTEST_KEY = 64, LONGEST_LINE = 110 };

const char *new_plural(const char *word, struct arena *a)
{
    size_t n = strlen(word);
    char last = n ? word[n - 1] : 0, before = n > 1 ? word[n - 2] : 0;
    if (last == 's' && before && !strchr("ius", before))
        return word; /* a plural already: lots, not bus */
    if (last == 'y' && before && !strchr("aeiou", before))
        return arena_printf(a, "%.*sies", (int)n - 1, word);
    bool hiss = (last && strchr("sxz", last)) || (last == 'h' && before && strchr("cs", before));
    return arena_printf(a, "%s%s", word, hiss ? "es" : "s");
}

static void put_json(struct buf *b, const char *s)
{
    buf_json_string(b, s, strlen(s));
}

/* Fills up with spaces from `start` of the buffer on. */
static void pad(struct buf *b, size_t start, size_t width)
{
    while (!b->failed && b->len < start + width)
        buf_putc(b, ' ');
}

/* A length that the key's texts will hardly outgrow: a longer one is more likely damaged than real. */
static size_t key_length(const struct guess_field *f)
{
    size_t length = SHORTEST_KEY;
    while (length < 2 * f->place->longest)
        length *= 2;
    return length;
}

static void put_field(struct buf *b, const struct guess_field *f, size_t name_width, size_t from_width)
{
    size_t start = b->len;
    buf_puts(b, "    { \"name\": ");
    put_json(b, f->name);
    buf_puts(b, ", ");
    pad(b, start, name_width);
    start = b->len;
    buf_puts(b, "\"from\": ");
    put_json(b, f->place->from);
    buf_puts(b, ", ");
    pad(b, start, from_width);
    buf_printf(b, "\"type\": \"%s\"%s", type_names[f->type], f->keys);
    if (f->is_key && f->type == TYPE_STRING)
        buf_printf(b, ", \"constraints\": { \"required\": true, \"maxLength\": %zu }", key_length(f));
    else if (f->is_key)
        buf_puts(b, ", \"constraints\": { \"required\": true }");
    buf_puts(b, " }");
}

static size_t quoted_length(const char *s)
{
    struct buf b;
    buf_init(&b, 1 << 16);
    put_json(&b, s);
    size_t n = b.len;
    buf_release(&b);
    return n;
}

void new_put_entity(struct buf *out, const struct new_entity *n)
{
    enum { AROUND_NAME = 16, AROUND_FROM = 10, WIDEST = 60 };
    size_t name_width = 0, from_width = 0;
    for (size_t i = 0; i < n->n_fields; i++) {
        size_t name = strlen(n->fields[i].name) + 2 + AROUND_NAME;
        size_t from = quoted_length(n->fields[i].place->from) + AROUND_FROM;
        name_width = name > name_width && name < WIDEST ? name : name_width;
        from_width = from > from_width && from < WIDEST ? from : from_width;
    }
    buf_printf(out, "{ \"entity\": \"%s\", \"table\": \"dp.%s\", \"primaryKey\": [\"client\"", n->entity, n->entity);
    for (size_t i = 0; i < n->n_fields; i++)
        if (n->fields[i].is_key)
            buf_printf(out, ", \"%s\"", n->fields[i].name);
    buf_puts(out, "], \"id\": \"id\",\n  \"fields\": [\n");
    for (size_t i = 0; i < n->n_fields; i++) {
        put_field(out, &n->fields[i], name_width, from_width);
        buf_puts(out, i + 1 < n->n_fields ? ",\n" : "\n");
    }
    buf_puts(out, "  ] }\n");
}

/* The columns of a row of a CSV. Where a name does not find its column, its number does. */
static void put_csv(struct buf *b, const struct new_entity *n, const struct document *d)
{
    buf_puts(b, "{");
    for (size_t i = 0; i < d->header->n; i++) {
        buf_puts(b, i ? ", " : " ");
        put_json(b, i < n->n_fields ? n->fields[i].place->from : "");
        buf_puts(b, ": ");
        buf_json_string(b, d->cells[i].text ? d->cells[i].text : "", d->cells[i].len);
    }
    buf_puts(b, " }");
}

static void put_row(struct buf *b, const struct entity *e, const struct cleaned *c)
{
    const char *separator = " ";
    buf_puts(b, "{");
    for (size_t i = 0; i < e->n_fields; i++) {
        if (!c->cells[i].text)
            continue;
        buf_puts(b, separator);
        put_json(b, e->fields[i].name);
        buf_puts(b, ": ");
        buf_json_string(b, c->cells[i].text, c->cells[i].len);
        separator = ", ";
    }
    buf_puts(b, " }");
}

void new_put_tests(struct buf *out, const struct new_entity *n, const struct new_example *example,
                   const struct entity *entity)
{
    const char *separator = "";
    buf_puts(out, "{ \"tests\": [\n");
    if (example) {
        buf_puts(out, "    { \"name\": ");
        put_json(out, example->title);
        buf_printf(out, ",\n      \"%s\": ", example->json ? "document" : "csv");
        if (example->json)
            buf_puts(out, example->json);
        else
            put_csv(out, n, example->document);
        buf_puts(out, ",\n      \"row\": ");
        put_row(out, entity, example->cleaned);
        buf_puts(out, " },\n");
    }
    buf_printf(out,
               "    { \"name\": \"a record without its key is rejected\",\n      \"%s\": {},\n      \"reasons\": [",
               n->format->kind == FORMAT_CSV ? "csv" : "document");
    for (size_t i = 0; i < n->n_fields; i++)
        if (n->fields[i].is_key) {
            buf_printf(out, "%s { \"field\": \"%s\", \"rule\": \"required\", \"reason\": \"missing\" }", separator,
                       n->fields[i].name);
            separator = ",";
        }
    buf_puts(out, " ] }\n] }\n");
}

void new_put_source(struct buf *out, const struct new_entity *n, struct arena *a)
{
    buf_puts(out, "{ \"description\": ");
    put_json(out, arena_printf(a, "%s as %s delivers them.", n->plural, n->client));
    buf_puts(out, ",\n  \"kind\": \"file\", \"client\": ");
    put_json(out, n->client);
    buf_printf(out, ", \"folder\": \"%s\", \"pattern\": ", n->name);
    put_json(out, n->pattern);
    json_object *format = json_tokener_parse(format_json(n->format, a));
    const char *text = json_object_to_json_string_ext(format, JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);
    size_t length = strlen(text); /* "{ … }" */
    buf_printf(out, ",\n  %.*s,\n  \"entities\": [\"%s\"] }\n", (int)length - 4, text + 2, n->name);
    json_object_put(format);
}

static void put_columns(struct buf *out, const struct new_entity *n)
{
    size_t width = strlen("raw_batch"), line;
    for (size_t i = 0; i < n->n_fields; i++)
        width = strlen(n->fields[i].name) > width ? strlen(n->fields[i].name) : width;
    buf_printf(out, "    %-*s  bigint PRIMARY KEY,\n    %-*s  text NOT NULL,\n", (int)width, "id", (int)width,
               "client");
    for (size_t i = 0; i < n->n_fields; i++)
        buf_printf(out, "    %-*s  %s%s,\n", (int)width, n->fields[i].name, n->fields[i].sql_type,
                   n->fields[i].is_key ? " NOT NULL" : "");
    buf_printf(out,
               "    %-*s  bigint NOT NULL,\n    %-*s  integer NOT NULL,\n    %-*s  timestamptz,\n    UNIQUE (client",
               (int)width, "raw_batch", (int)width, "raw_line", (int)width, "gone_at");
    line = 0;
    for (size_t i = 0; i < n->n_fields; i++)
        if (n->fields[i].is_key) {
            line += strlen(n->fields[i].name) + 2;
            buf_printf(out, line > LONGEST_LINE ? ",\n            %s" : ", %s", n->fields[i].name);
            line = line > LONGEST_LINE ? 0 : line;
        }
    buf_puts(out, ")\n");
}

/* In the comment's string the smart comment's lines are behind "\n", so it is written as E'…'. */
static void put_view_comment(struct buf *out, const struct new_entity *n, const char *view)
{
    buf_printf(out, "COMMENT ON VIEW api.%s IS\n    E'%s of the clients.\\n@primaryKey id\\n@unique client", view,
               n->plural);
    for (size_t i = 0; i < n->n_fields; i++)
        if (n->fields[i].is_key)
            buf_printf(out, ", %s", n->fields[i].name);
    buf_puts(out, "';\n");
}

/* The source's name for a column goes into an escape string: quotes and backslashes doubled, nothing else than text. */
static void put_escaped(struct buf *out, const char *s)
{
    for (; *s; s++) {
        if (*s == '\'' || *s == '\\')
            buf_putc(out, *s);
        buf_putc(out, (unsigned char)*s < 0x20 || *s == '@' ? ' ' : *s);
    }
}

void new_put_expand(struct buf *out, const struct new_entity *n)
{
    struct arena a;
    arena_init(&a);
    const char *view = arena_printf(&a, "v_%s_v1", n->plural);
    buf_printf(
        out,
        "-- A tenth of each page stays free: a row's next version fits beside it, and its indexes are not written.\n"
        "CREATE TABLE dp.%s (\n",
        n->entity);
    put_columns(out, n);
    buf_printf(out,
               ") WITH (fillfactor = 90);\nCOMMENT ON TABLE dp.%s IS 'One row per %s of a client; raw_batch and "
               "raw_line say which kept record it came from.';\n\nCREATE VIEW api.%s AS\nSELECT t.id, t.client",
               n->entity, n->entity, view);
    size_t line = strlen("SELECT t.id, t.client");
    for (size_t i = 0; i < n->n_fields; i++) {
        size_t one = strlen(n->fields[i].name) + 4;
        bool next = line + one > LONGEST_LINE;
        line = next ? 7 + one : line + one;
        buf_printf(out, "%st.%s", next ? ",\n       " : ", ", n->fields[i].name);
    }
    buf_printf(out, "\nFROM dp.%s t\nWHERE t.gone_at IS NULL;\n", n->entity);
    put_view_comment(out, n, view);
    buf_printf(out, "COMMENT ON COLUMN api.%s.id IS E'Oriel''s own number for the %s; it stays.\\n@notNull';\n", view,
               n->entity);
    buf_printf(out, "COMMENT ON COLUMN api.%s.client IS E'The client whose %s it is.\\n@notNull';\n", view, n->entity);
    for (size_t i = 0; i < n->n_fields; i++) {
        buf_printf(out, "COMMENT ON COLUMN api.%s.%s IS E'The client''s \"", view, n->fields[i].name);
        put_escaped(out, n->fields[i].place->label);
        buf_printf(out, "\".%s';\n", n->fields[i].is_key ? "\\n@notNull" : "");
    }
    buf_printf(out, "GRANT SELECT ON api.%s TO oriel_ds;\n", view);
    arena_release(&a);
}

void new_put_revert(struct buf *out, const struct new_entity *n)
{
    buf_printf(out, "DROP VIEW api.v_%s_v1;\nDROP TABLE dp.%s;\n", n->plural, n->entity);
}
