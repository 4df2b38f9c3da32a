#include "worker/guess_format.h"

#include <ctype.h>
#include <stdlib.h>

#include "lib/text.h"
#include "worker/encoding.h"
#include "worker/json_read.h"
#include "worker/record.h"

enum { MOST_LINES = 2000, MOST_CELLS = 1000, FIRST_LINES = 20 };

struct bytes {
    const char *s;
    size_t n;
};

/* ---- encoding ---- */

struct encoding_count {
    size_t wide;    /* characters of several bytes that are UTF-8 */
    size_t strange; /* bytes that are no UTF-8 */
    size_t c1;      /* of these, 0x80 to 0x9f: letters in WINDOWS-1252, controls in ISO-8859-1 */
};

static struct encoding_count count_encoding(struct bytes b)
{
    struct encoding_count c = {0};
    for (size_t i = 0; i < b.n;) {
        unsigned char first = (unsigned char)b.s[i];
        size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
        if (length > 1 && (b.n - i < length || text_utf8_valid(b.s + i, length) != length)) {
            if (b.n - i < length) /* cut by the end of the sample */
                break;
            c.strange++;
            c.c1 += first < 0xa0;
            length = 1;
        } else
            c.wide += length > 1;
        i += length;
    }
    return c;
}

/* UTF-8 with a few broken bytes is UTF-8; a Latin text has no character of several bytes but by chance. */
static const char *guess_encoding(struct bytes b, struct arena *a, const char **evidence)
{
    struct encoding_count c = count_encoding(b);
    if (!c.strange) {
        *evidence = c.wide ? arena_printf(a, "UTF-8: %zu characters of several bytes", c.wide) : "UTF-8: all is ASCII";
        return "UTF-8";
    }
    if (c.wide > c.strange) {
        *evidence =
            arena_printf(a, "UTF-8: %zu characters of several bytes; bytes that do not decode: %zu", c.wide, c.strange);
        return "UTF-8";
    }
    const char *encoding = c.c1 ? "WINDOWS-1252" : "ISO-8859-1";
    *evidence = arena_printf(a, "%s: %zu bytes are no UTF-8, %s of them between 0x80 and 0x9f", encoding, c.strange,
                             c.c1 ? arena_printf(a, "%zu", c.c1) : "none");
    return encoding;
}

/* ---- lines ---- */

struct lines {
    struct bytes list[MOST_LINES];
    size_t n;
};

static void split_lines(struct lines *l, struct bytes b, bool whole)
{
    l->n = 0;
    for (size_t at = 0; at < b.n && l->n < MOST_LINES;) {
        size_t n = 0;
        while (at + n < b.n && b.s[at + n] != '\n' && b.s[at + n] != '\r')
            n++;
        if (at + n == b.n && !whole && l->n)
            break;
        if (n)
            l->list[l->n++] = (struct bytes){b.s + at, n};
        at += n + 1;
    }
}

/* ---- CSV ---- */

/* How lines come apart with one dialect. */
struct apart {
    size_t columns;  /* what most lines have */
    size_t same;     /* lines that have so many */
    size_t wrong;    /* lines whose quotes make no sense by themselves */
    size_t comments; /* lines that begin with "#" and have another number */
    size_t quoted;   /* lines with a whole cell in quotes, where these count as letters */
};

bool guess_has_quoted(const struct value *cells, size_t n, char quote)
{
    for (size_t i = 0; i < n; i++)
        if (cells[i].len > 1 && cells[i].text[0] == quote && cells[i].text[cells[i].len - 1] == quote)
            return true;
    return false;
}

static size_t count_cells(const struct format *f, struct bytes line, struct arena *a, size_t *quoted)
{
    struct cells cells;
    const char *problem = csv_split(f, line.s, line.n, a, &cells);
    size_t n = problem ? 0 : cells.n;
    *quoted += !problem && !f->quote_char && guess_has_quoted(cells.list, n, '"');
    return n < MOST_CELLS ? n : MOST_CELLS - 1;
}

static struct apart take_apart(const struct format *f, const struct lines *l)
{
    struct apart result = {0};
    size_t *by_count = mem_alloc(MOST_CELLS * sizeof *by_count), *comments = mem_alloc(MOST_CELLS * sizeof *comments);
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < l->n; i++) {
        size_t n = count_cells(f, l->list[i], &a, &result.quoted);
        by_count[n]++;
        comments[n] += l->list[i].s[0] == '#';
        arena_reset(&a);
    }
    arena_release(&a);
    result.wrong = by_count[0];
    for (size_t n = 1; n < MOST_CELLS; n++)
        if (by_count[n] > result.same) {
            result.same = by_count[n];
            result.columns = n;
        }
    for (size_t n = 0; n < MOST_CELLS; n++)
        result.comments += n == result.columns ? 0 : comments[n];
    free(by_count);
    free(comments);
    return result;
}

/* More lines of one width win; of as many, more columns. A single column is the last resort. */
static bool is_better(const struct apart *x, const struct apart *y)
{
    if ((x->columns > 1) != (y->columns > 1))
        return x->columns > 1;
    return x->same != y->same ? x->same > y->same : x->columns > y->columns;
}

static struct apart guess_dialect(struct format *f, const struct lines *l)
{
    static const char delimiters[] = ",;\t|";
    struct format best = *f;
    struct apart best_apart = {0};
    for (size_t i = 0; delimiters[i]; i++) {
        struct format one = *f;
        one.delimiter = delimiters[i];
        struct apart quoted = take_apart(&one, l);
        if (is_better(&quoted, &best_apart)) {
            best = one;
            best_apart = quoted;
        }
        one.quote_char = 0;
        struct apart plain = take_apart(&one, l);
        /* a line end in quotes is a wrong line, too; so all must be well without them, and few cells be quoted whole */
        if (quoted.wrong > plain.quoted && plain.same + plain.comments == l->n && is_better(&plain, &best_apart)) {
            best = one;
            best_apart = plain;
        }
    }
    best.comment_char = best_apart.comments ? '#' : 0;
    *f = best;
    return best_apart;
}

static bool is_number(const struct value *v)
{
    size_t digits = 0, others = 0;
    for (size_t i = 0; i < v->len; i++) {
        digits += isdigit((unsigned char)v->text[i]) != 0;
        others += !isdigit((unsigned char)v->text[i]) && !strchr(" .,:/+-", v->text[i]);
    }
    return digits && !others;
}

/* The cells of the record that begins with line `first`: of several lines where some end inside of quotes. *next gets
 * the line behind it. */
static bool split_record(const struct format *f, const struct lines *l, size_t first, size_t *next, struct arena *a,
                         struct cells *cells)
{
    enum { MOST_JOINED = 100 };
    const char *start = l->list[first].s;
    for (size_t k = first; k < l->n && k < first + MOST_JOINED; k++) {
        *next = k + 1;
        if (!csv_split(f, start, (size_t)(l->list[k].s + l->list[k].n - start), a, cells))
            return true;
    }
    return false;
}

/* Names: no number among them, no two alike, and none that stands again in its own column. */
static bool has_header(const struct format *f, const struct lines *l)
{
    struct arena a;
    struct cells names, row;
    size_t first = 0, next = 0, there = 0;
    while (f->comment_char && first < l->n && l->list[first].s[0] == f->comment_char)
        first++;
    arena_init(&a);
    bool header = first < l->n && split_record(f, l, first, &next, &a, &names);
    for (size_t i = 0; header && i < names.n; i++) {
        header = !is_number(&names.list[i]);
        there += names.list[i].len > 0;
    }
    header = header && there * 2 > names.n;
    for (size_t k = next; header && k < l->n && k < first + 200; k = next) {
        if (!split_record(f, l, k, &next, &a, &row)) {
            next = k + 1;
            continue;
        }
        for (size_t i = 0; i < names.n && i < row.n; i++)
            header = header && !(names.list[i].len && names.list[i].len == row.list[i].len &&
                                 memcmp(names.list[i].text, row.list[i].text, row.list[i].len) == 0);
    }
    arena_release(&a);
    return header;
}

static void guess_csv(struct guess_format *out, struct arena *a, const struct lines *l, const char *encoding)
{
    struct format *f = &out->format;
    f->kind = FORMAT_CSV;
    f->quote_char = '"';
    struct apart apart = guess_dialect(f, l);
    f->has_header = has_header(f, l);
    const char *delimiter = f->delimiter == '\t' ? "tabs" : arena_printf(a, "\"%c\"", f->delimiter);
    out->evidence =
        arena_printf(a, "%s with %s between %zu columns (%zu of the first %zu lines), %s%s%s; %s",
                     f->delimiter == '\t' ? "TSV" : "CSV", delimiter, apart.columns, apart.same, l->n,
                     f->has_header ? "a header" : "no header", f->quote_char ? "" : ", quotes are letters like others",
                     f->comment_char ? ", comments with \"#\"" : "", encoding);
    if (apart.columns < 2 && !f->has_header)
        out->problem = "it is neither JSON nor a table with \",\", \";\", \"|\" or tabs between its columns";
}

/* ---- all ---- */

static bool begins_with(struct bytes b, const char *with, size_t n)
{
    return b.n >= n && memcmp(b.s, with, n) == 0;
}

static const char *find_problem(struct bytes b)
{
    if (!b.n)
        return "it is empty";
    if (begins_with(b, "\xff\xfe", 2) || begins_with(b, "\xfe\xff", 2))
        return "it is UTF-16, which no source can read; convert it with iconv first";
    if (begins_with(b, "PK\x03\x04", 4))
        return "it is a ZIP archive or a spreadsheet; give the files in it, as CSV";
    if (memchr(b.s, 0, b.n < 4096 ? b.n : 4096))
        return "it has NUL bytes, so it is no text";
    return NULL;
}

/* One object a line? The first lines that are broken are no proof against it. */
static bool is_ndjson(const struct lines *l, size_t most, struct arena *a)
{
    size_t good = 0;
    for (size_t i = 0; i < l->n && i < most; i++) {
        struct json_mistake mistake;
        good += l->list[i].s[0] == '{' && text_utf8_valid(l->list[i].s, l->list[i].n) == l->list[i].n &&
                json_read(l->list[i].s, l->list[i].n, a, &mistake);
    }
    return good > 0;
}

static void set_json(struct guess_format *out, struct arena *a, const struct guess_json *found, const char *encoding)
{
    out->format.kind = FORMAT_JSON;
    out->format.records = found->pointer && *found->pointer ? found->pointer : NULL;
    const char *where = out->format.records ? arena_printf(a, " at \"%s\"", out->format.records) : "";
    const char *many = found->sound ? arena_printf(a, "%zu", found->records) : "many";
    out->evidence = arena_printf(a, "JSON, an array of %s documents%s; %s", many, where, encoding);
}

/* The first byte behind *at that is no white space; 0 at the end. */
static char next_byte(struct bytes b, size_t *at)
{
    while (*at < b.n && isspace((unsigned char)b.s[*at]))
        ++*at;
    return *at < b.n ? b.s[(*at)++] : 0;
}

/* A line that is one object of NDJSON may be a whole document, too: that of one answer of an API, say. It is when it
 * has an array of several objects. Of more than a sample only its beginning is known. */
static void guess_documents(struct guess_format *out, struct arena *a, struct bytes b, const struct lines *l,
                            bool whole, const char *encoding)
{
    struct guess_json found = {0};
    size_t at = 0;
    bool array = next_byte(b, &at) == '[', of_objects = array && next_byte(b, &at) == '{';
    bool line_by_line = is_ndjson(l, 1, a);
    if (whole && (l->n == 1 || !line_by_line))
        guess_json(&found, a, out->format.encoding, b.s, b.n);
    else if (!whole && of_objects)
        found.pointer = "";
    if (found.pointer && (array || !line_by_line || found.records > 1))
        set_json(out, a, &found, encoding);
    else if (line_by_line || (!found.sound && !of_objects && is_ndjson(l, FIRST_LINES, a)))
        out->evidence = arena_printf(a, "NDJSON, one document a line; %s", encoding);
    else if (found.sound)
        out->problem = "it is one JSON document, without an array of objects that could be records";
    else if (whole)
        out->problem = "it looks like JSON, but it is neither one object a line (NDJSON) nor one whole document";
    else
        out->problem = "it looks like one JSON document, and is too long to look through for its records; take a part";
}

void guess_format(struct guess_format *out, struct arena *a, const char *bytes, size_t n, bool whole)
{
    struct bytes b = {bytes, n};
    *out = (struct guess_format){.problem = find_problem(b)};
    if (out->problem)
        return;
    if (begins_with(b, "\xef\xbb\xbf", 3))
        b = (struct bytes){bytes + 3, n - 3};
    const char *encoding;
    out->format.kind = FORMAT_NDJSON; /* unless it is another */
    out->format.encoding = guess_encoding(b, a, &encoding);
    struct lines *l = mem_alloc(sizeof *l);
    split_lines(l, b, whole);
    size_t space = 0;
    while (space < b.n && isspace((unsigned char)b.s[space]))
        space++;
    if (space == b.n)
        out->problem = "it is empty";
    else if (b.s[space] == '{' || b.s[space] == '[')
        guess_documents(out, a, b, l, whole, encoding);
    else if (is_ndjson(l, FIRST_LINES, a))
        out->evidence = arena_printf(a, "NDJSON, one document a line; %s", encoding);
    else
        guess_csv(out, a, l, encoding);
    free(l);
}
