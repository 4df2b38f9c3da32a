#include "worker/reader.h"

#include "lib/log.h"
#include "lib/text.h"
#include "worker/encoding.h"
#include "worker/json_array.h"
#include "worker/record.h"

struct reader {
    struct format format;
    struct input in;
    struct json_array array; /* of JSON */
    struct arena arena;      /* the header's, and the name */
    const struct header *header;
    const char *header_bytes;
    size_t header_len;
};

/* The place of the next line end in data[from..end); end when there is none. */
static size_t find_line_end(const struct reader *r, size_t from)
{
    const char *p = r->in.data + from;
    size_t n = r->in.end - from, i = 0;
    if (r->format.kind == FORMAT_NDJSON) {
        const char *lf = n ? memchr(p, '\n', n) : NULL;
        return lf ? (size_t)(lf - r->in.data) : r->in.end;
    }
    while (i < n && p[i] != '\n' && p[i] != '\r')
        i++;
    return from + i;
}

/* The line that begins `from` bytes behind start. 1; 0 when nothing is there; -1 after a message. It may be longer than
 * a record is allowed to be: *too_long. */
static int find_line(struct reader *r, size_t from, struct extent *line, bool *too_long)
{
    size_t at = from;
    for (;;) {
        at = find_line_end(r, r->in.start + at) - r->in.start;
        if (r->in.start + at < r->in.end)
            break;
        *too_long = at > LONGEST_RECORD;
        int got = *too_long ? 0 : input_more(&r->in);
        if (got < 0)
            return -1;
        if (got == 0) {
            *line = (struct extent){at, at};
            return at > from;
        }
    }
    /* a line feed behind a carriage return belongs to it, even where a read ended between them */
    if (r->in.data[r->in.start + at] == '\r' && r->in.start + at + 1 == r->in.end && input_more(&r->in) < 0)
        return -1;
    const char *end = r->in.data + r->in.start + at;
    bool two = *end == '\r' && r->in.start + at + 1 < r->in.end && end[1] == '\n';
    *line = (struct extent){at, at + 1 + two};
    if (*end == '\n' && at > from && end[-1] == '\r')
        line->len--;
    *too_long = at > LONGEST_RECORD;
    return 1;
}

static size_t count(const char *s, size_t n, char c)
{
    size_t found = 0;
    for (const char *end = s + n; (s = memchr(s, c, (size_t)(end - s))); s++)
        found++;
    return found;
}

/*
 * Stretches a line of CSV to its record: while the quotes so far are odd, the line end stood inside of some. Where that
 * never ends well (too long, the file's end, or quotes that make no sense), the line stays alone: its quote was a
 * mistake and must not swallow what follows.
 */
static int stretch(struct reader *r, struct extent *record)
{
    const struct format *f = &r->format;
    struct extent whole = *record;
    size_t seen = 0, quotes = 0;
    for (;;) {
        quotes += count(r->in.data + r->in.start + seen, whole.len - seen, f->quote_char);
        seen = whole.len;
        if (quotes % 2 == 0)
            break;
        bool too_long;
        int got = find_line(r, whole.next, &whole, &too_long);
        if (got < 0)
            return -1;
        if (got == 0 || too_long)
            return 0;
    }
    if (whole.next == record->next)
        return 0;
    struct arena a;
    struct cells cells;
    arena_init(&a);
    if (!csv_split(f, r->in.data + r->in.start, whole.len, &a, &cells))
        *record = whole;
    arena_release(&a);
    return 0;
}

/* JSON's white space only, or for CSV nothing at all. */
static bool is_empty(const struct reader *r, size_t len)
{
    const char *p = r->in.data + r->in.start;
    for (size_t i = 0; i < len; i++)
        if (r->format.kind == FORMAT_CSV || (p[i] != ' ' && p[i] != '\t' && p[i] != '\r'))
            return false;
    return true;
}

/* The next record that is neither empty nor a comment. 1, 0 at the end, -1 after a message. */
static int find_record(struct reader *r, struct extent *record)
{
    const struct format *f = &r->format;
    for (;;) {
        bool too_long;
        int got = find_line(r, 0, record, &too_long);
        if (got <= 0)
            return got;
        if (too_long) {
            log_error("%s: the record at byte %llu is longer than %d MiB; is this the right format for the file?",
                      r->in.name, (unsigned long long)r->in.offset, LONGEST_RECORD >> 20);
            return -1;
        }
        bool comment = f->comment_char && record->len && r->in.data[r->in.start] == f->comment_char;
        if (!comment && !is_empty(r, record->len))
            return f->kind == FORMAT_CSV && f->quote_char && stretch(r, record) < 0 ? -1 : 1;
        input_advance(&r->in, record->next);
    }
}

static int skip_byte_order_mark(struct reader *r)
{
    static const char mark[] = "\xef\xbb\xbf";
    if (!encoding_is_utf8(r->format.encoding))
        return 0;
    while (r->in.end - r->in.start < 3) {
        int got = input_more(&r->in);
        if (got <= 0)
            return got;
    }
    if (memcmp(r->in.data + r->in.start, mark, 3) == 0)
        input_advance(&r->in, 3);
    return 0;
}

static void warn_of_twins(const struct reader *r)
{
    const struct header *h = r->header;
    for (size_t i = 1; i < h->n; i++) {
        size_t first = h->by_name[i - 1], second = h->by_name[i];
        const char *name = h->names[second];
        if (*name && strcmp(h->names[first], name) == 0)
            log_warn("%s: column \"%s\" stands twice in the header, as #%zu and #%zu; the name finds the first",
                     r->in.name, name, first + 1, second + 1);
    }
}

/* Takes the header's bytes, from the file or as they were kept. */
static int set_header(struct reader *r, const char *bytes, size_t len)
{
    r->header_bytes = arena_memdup(&r->arena, bytes, len);
    r->header_len = len;
    r->header = reader_parse_header(&r->format, r->header_bytes, len, &r->arena);
    return r->header ? 0 : -1;
}

static int read_header(struct reader *r)
{
    struct extent record;
    int got = find_record(r, &record);
    if (got <= 0)
        return got;
    if (set_header(r, r->in.data + r->in.start, record.len) < 0)
        return -1;
    warn_of_twins(r);
    input_advance(&r->in, record.next);
    return 0;
}

static int begin(struct reader *r, uint64_t offset, const char *header, size_t header_len)
{
    bool headed = r->format.kind == FORMAT_CSV && r->format.has_header;
    if (input_seek(&r->in, offset) < 0)
        return -1;
    r->array = (struct json_array){.entered = offset > 0, .behind_comma = true};
    if (offset == 0)
        return skip_byte_order_mark(r) < 0 || (headed && read_header(r) < 0) ? -1 : 0;
    if (headed && !header) {
        log_error("%s: reading cannot go on at byte %llu without the header", r->in.name, (unsigned long long)offset);
        return -1;
    }
    return headed ? set_header(r, header, header_len) : 0;
}

struct reader *reader_open(const struct format *f, int fd, const char *name, uint64_t offset, const char *header,
                           size_t header_len)
{
    struct reader *r = mem_alloc(sizeof *r);
    *r = (struct reader){.format = *f};
    arena_init(&r->arena);
    input_init(&r->in, fd, arena_strdup(&r->arena, name));
    if (begin(r, offset, header, header_len) == 0)
        return r;
    reader_free(r);
    return NULL;
}

int reader_next(struct reader *r, struct arena *a, struct record *out)
{
    struct extent record;
    int got = r->format.kind == FORMAT_JSON ? json_array_next(&r->array, &r->in, r->format.records, &record)
                                            : find_record(r, &record);
    if (got <= 0)
        return got;
    reader_parse(&r->format, r->header, r->in.data + r->in.start, record.len, a, out);
    out->offset = r->in.offset;
    out->next_offset = r->in.offset + record.next;
    input_advance(&r->in, record.next);
    return 1;
}

const char *reader_header(const struct reader *r, size_t *len)
{
    *len = r->header_len;
    return r->header_bytes;
}

void reader_free(struct reader *r)
{
    if (!r)
        return;
    arena_release(&r->arena);
    input_release(&r->in);
    free(r);
}

void record_problem(struct record *out, struct arena *a, enum reason_code code, const char *rule, const char *text,
                    size_t n, size_t at, const char *message)
{
    enum { BEFORE = 40 };
    size_t from = at > BEFORE ? at - BEFORE : 0;
    while (from > 0 && ((unsigned char)text[from] & 0xc0) == 0x80) /* not in the middle of a character */
        from--;
    struct reason *problem = arena_alloc(a, sizeof *problem);
    *problem = (struct reason){.code = code,
                               .action = ACTION_REJECT,
                               .rule = rule,
                               .value = reason_value(a, text + from, n - from),
                               .message = message};
    out->problem = problem;
}

static void undecodable(struct record *out, struct arena *a, const struct format *f, size_t at)
{
    record_problem(out, a, REASON_BAD_ENCODING, f->encoding, out->bytes, out->len, at,
                   arena_printf(a, "byte 0x%02x at byte %zu of the record is not %s", (unsigned char)out->bytes[at], at,
                                f->encoding));
}

void reader_parse(const struct format *f, const struct header *header, const char *bytes, size_t len, struct arena *a,
                  struct record *out)
{
    size_t n;
    *out = (struct record){.bytes = bytes, .len = len};
    const char *text = encoding_decode(f->encoding, a, bytes, len, &n);
    if (!text)
        undecodable(out, a, f, n < len ? n : len ? len - 1 : 0);
    else if (f->kind != FORMAT_CSV)
        ndjson_parse(text, n, a, out);
    else
        csv_parse_record(f, header, text, n, a, out);
}

const struct header *reader_parse_header(const struct format *f, const char *bytes, size_t len, struct arena *a)
{
    size_t n;
    const char *text = encoding_decode(f->encoding, a, bytes, len, &n), *problem;
    if (!text) {
        log_error("the header is not %s: byte 0x%02x at its byte %zu; correct \"encoding\" in the source file",
                  f->encoding, (unsigned char)bytes[n], n);
        return NULL;
    }
    const struct header *header = csv_parse_header(f, text, n, a, &problem);
    if (!header)
        log_error("the header cannot be read: %s", problem);
    return header;
}
