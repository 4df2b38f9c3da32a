/* CSV and TSV. Quoted records go through libcsv, strictly by RFC 4180; nothing around a cell is trimmed. */
#include <csv.h>
#include <string.h>

#include "worker/record.h"

/* Cells of one record, one behind the other in one piece of memory. */
struct building {
    struct cells *out;
    char *text;    /* where the next cell goes */
    bool ended;    /* libcsv saw the end of a record */
    bool overlong; /* and a cell behind it: the text is more than one record */
};

static void add_cell(struct building *b, const char *s, size_t n)
{
    if (n)
        memcpy(b->text, s, n);
    b->text[n] = 0;
    b->out->list[b->out->n++] = (struct value){VALUE_STRING, b->text, n};
    b->text += n + 1;
}

static void on_cell(void *s, size_t n, void *building)
{
    struct building *b = building;
    b->overlong = b->overlong || b->ended;
    if (!b->ended)
        add_cell(b, s, n);
}

static void on_end(int c, void *building)
{
    (void)c;
    ((struct building *)building)->ended = true;
}

static int no_space(unsigned char c)
{
    (void)c;
    return 0;
}

/* Where no quote stands, or quotes are letters like others, cells end at each delimiter. */
static void split_plain(struct building *b, const char *text, size_t n, char delimiter)
{
    const char *end = text + n;
    for (const char *cut; (cut = memchr(text, delimiter, (size_t)(end - text))); text = cut + 1)
        add_cell(b, text, (size_t)(cut - text));
    add_cell(b, text, (size_t)(end - text));
}

static const char *split_quoted(const struct format *f, struct building *b, const char *text, size_t n)
{
    struct csv_parser p;
    const char *problem = NULL;
    csv_init(&p, CSV_STRICT | CSV_STRICT_FINI); /* only fails for a NULL */
    csv_set_delim(&p, (unsigned char)f->delimiter);
    csv_set_quote(&p, (unsigned char)f->quote_char);
    csv_set_space_func(&p, no_space);
    csv_set_blk_size(&p, 4096);
    csv_set_realloc_func(&p, mem_realloc);
    if (csv_parse(&p, text, n, on_cell, on_end, b) != n)
        problem =
            "a quote stands inside a cell where CSV (RFC 4180) has none: it has to be doubled, and the whole cell "
            "quoted; where quotes are letters like others, set quoteChar to null in the source's dialect";
    else if (csv_fini(&p, on_cell, on_end, b) != 0)
        problem = "a quote is opened and not closed";
    else if (b->overlong)
        problem = "a line ends outside quotes, so these are several records";
    csv_free(&p);
    return problem;
}

const char *csv_split(const struct format *f, const char *text, size_t n, struct arena *a, struct cells *out)
{
    size_t most = 1;
    for (const char *p = text, *end = text + n; (p = memchr(p, f->delimiter, (size_t)(end - p))); p++)
        most++;
    /* each cell takes its bytes and a NUL, and of the record each but the last had a delimiter behind it */
    struct building b = {.out = out, .text = arena_alloc(a, n + 2)};
    *out = (struct cells){.list = arena_array(a, most, sizeof *out->list)};
    if (f->quote_char && memchr(text, f->quote_char, n))
        return split_quoted(f, &b, text, n);
    split_plain(&b, text, n, f->delimiter);
    return NULL;
}

void csv_parse_record(const struct format *f, const struct header *header, const char *text, size_t n, struct arena *a,
                      struct record *out)
{
    struct cells cells;
    const char *problem = csv_split(f, text, n, a, &cells);
    if (problem) {
        record_problem(out, a, REASON_MALFORMED, "quotes", text, n, 0, problem);
        return;
    }
    if (!header) {
        struct header *bare = arena_alloc(a, sizeof *bare);
        bare->n = cells.n;
        header = bare;
    }
    if (cells.n != header->n) {
        record_problem(out, a, REASON_MALFORMED, "columns", text, n, 0,
                       arena_printf(a, "%zu cells, but the header has %zu columns", cells.n, header->n));
        return;
    }
    out->document = (struct document){.header = header, .cells = cells.list};
}

const struct header *csv_parse_header(const struct format *f, const char *text, size_t n, struct arena *a,
                                      const char **problem)
{
    struct cells cells;
    *problem = csv_split(f, text, n, a, &cells);
    if (*problem)
        return NULL;
    const char **names = arena_array(a, cells.n, sizeof *names);
    for (size_t i = 0; i < cells.n; i++)
        names[i] = cells.list[i].text;
    return header_make(a, names, cells.n);
}
