/* The keys format, encoding, dialect and records of a source file. */
#include <json-c/json.h>
#include <string.h>
#include <strings.h>

#include "lib/buf.h"
#include "worker/encoding.h"
#include "worker/reader.h"

/* One byte of ASCII that is no line end, as the dialect's characters are. Where the key is missing the fallback, where
 * it is null 0. */
static char dialect_char(const struct cfg *dialect, const char *key, char fallback)
{
    const struct cfg *c = cfg_get(dialect, key);
    if (!c->present)
        return fallback;
    if (!c->value)
        return 0;
    const char *s = cfg_value_string(c);
    if (strlen(s) == 1 && (unsigned char)*s < 0x7f && (*s == '\t' || *s >= ' '))
        return *s;
    cfg_error(c, "one character of ASCII was expected, such as \";\" or \"\\t\"");
    return fallback;
}

const char *const format_dialect_keys[] = {"delimiter", "quoteChar", "header", "commentChar", NULL};

static void load_dialect(struct format *f, const struct cfg *dialect)
{
    cfg_keys(dialect, format_dialect_keys);
    f->delimiter = dialect_char(dialect, "delimiter", f->delimiter);
    f->quote_char = dialect_char(dialect, "quoteChar", f->quote_char);
    f->comment_char = dialect_char(dialect, "commentChar", f->comment_char);
    f->has_header = cfg_bool(dialect, "header", f->has_header);
    if (!f->delimiter)
        cfg_error(cfg_get(dialect, "delimiter"), "a delimiter is needed");
    else if (f->delimiter == f->quote_char || f->delimiter == f->comment_char)
        cfg_error(dialect, "the delimiter cannot be the quote or the comment character, too");
    else if (f->quote_char && f->quote_char == f->comment_char)
        cfg_error(dialect, "the quote cannot be the comment character, too");
}

enum { NAME_NDJSON, NAME_CSV, NAME_TSV, NAME_JSON };
const char *const format_names[] = {"ndjson", "csv", "tsv", "json", NULL};

static enum format_kind kind_of(int name)
{
    return name == NAME_JSON ? FORMAT_JSON : name == NAME_CSV || name == NAME_TSV ? FORMAT_CSV : FORMAT_NDJSON;
}

static int name_of(const struct format *f)
{
    if (f->kind == FORMAT_CSV)
        return f->delimiter == '\t' ? NAME_TSV : NAME_CSV;
    return f->kind == FORMAT_JSON ? NAME_JSON : NAME_NDJSON;
}

static void set_defaults(struct format *f, int name)
{
    *f = (struct format){.kind = kind_of(name), .encoding = "UTF-8"};
    if (f->kind == FORMAT_CSV) {
        f->delimiter = name == NAME_TSV ? '\t' : ',';
        f->quote_char = '"';
        f->has_header = true;
    }
}

void format_load(struct format *f, const struct cfg *c)
{
    set_defaults(f, cfg_choice(c, "format", format_names, -1));
    f->encoding = cfg_string(c, "encoding", "UTF-8");
    const char *problem = encoding_problem(f->encoding);
    if (problem)
        cfg_error(cfg_get(c, "encoding"), "%s: %s", f->encoding, problem);
    const struct cfg *dialect = cfg_get(c, "dialect");
    if (dialect->value && f->kind == FORMAT_CSV)
        load_dialect(f, dialect);
    else if (dialect->value)
        cfg_error(dialect, "only csv and tsv have a dialect");
    f->records = cfg_string(c, "records", NULL);
    if (f->records && f->kind != FORMAT_JSON)
        cfg_error(cfg_get(c, "records"), "only json has a place where the records are");
    else if (f->records && *f->records != '/')
        cfg_error(cfg_get(c, "records"), "a JSON Pointer was expected, such as \"/data/items\"");
}

static void put_char(struct buf *b, const char *key, char c)
{
    buf_printf(b, "\"%s\":", key);
    if (c)
        buf_json_string(b, &c, 1);
    else
        buf_puts(b, "null");
    buf_putc(b, ',');
}

const char *format_json(const struct format *f, struct arena *a)
{
    struct buf b;
    buf_init(&b, 4096);
    buf_printf(&b, "{\"format\":\"%s\",\"encoding\":", format_names[name_of(f)]);
    buf_json_string(&b, f->encoding, strlen(f->encoding));
    if (f->kind == FORMAT_CSV) {
        buf_puts(&b, ",\"dialect\":{");
        put_char(&b, "delimiter", f->delimiter);
        put_char(&b, "quoteChar", f->quote_char);
        put_char(&b, "commentChar", f->comment_char);
        buf_printf(&b, "\"header\":%s}", f->has_header ? "true" : "false");
    }
    if (f->records) {
        buf_puts(&b, ",\"records\":");
        buf_json_string(&b, f->records, strlen(f->records));
    }
    buf_putc(&b, '}');
    const char *json = arena_memdup(a, buf_str(&b), b.len);
    buf_release(&b);
    return json;
}

int format_parse(struct format *f, struct arena *a, const char *json)
{
    const struct cfg *c = cfg_parse(a, "raw.batch.format", json, strlen(json));
    if (!c)
        return -1;
    format_load(f, c);
    return cfg_failed(c) ? -1 : 0;
}

int format_from_name(struct format *f, const char *path)
{
    static const struct {
        const char *suffix;
        int name;
    } suffixes[] = {{".ndjson", NAME_NDJSON},
                    {".jsonl", NAME_NDJSON},
                    {".json", NAME_NDJSON},
                    {".csv", NAME_CSV},
                    {".tsv", NAME_TSV}};
    size_t n = strlen(path);
    if (n > 3 && strcasecmp(path + n - 3, ".gz") == 0)
        n -= 3;
    for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
        size_t m = strlen(suffixes[i].suffix);
        if (n > m && strncasecmp(path + n - m, suffixes[i].suffix, m) == 0) {
            set_defaults(f, suffixes[i].name);
            return 0;
        }
    }
    return -1;
}
