#include "worker/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/text.h"
#include "worker/encoding.h"
#include "worker/record.h"

enum { FIRST_BUFFER = 256 << 10, LONGEST_RECORD = 16 << 20 };

/* data[start..end) was read and not yet given out; data[start] stands at `offset` in the file. */
struct reader {
    struct format format;
    int fd;
    const char *name;
    char *data;
    size_t size, start, end;
    uint64_t offset;
    bool at_end;
    struct arena arena; /* the header's */
    const struct header *header;
    const char *header_bytes;
    size_t header_len;
};

/* Where a record or a line ends, counted from data[start]. */
struct extent {
    size_t len;  /* without the line end */
    size_t next; /* with it */
};

/* Reads more behind end, at least a byte. 1; 0 at the end of the file; -1 after a message. */
static int more(struct reader *r)
{
    if (r->at_end)
        return 0;
    if (r->start) {
        memmove(r->data, r->data + r->start, r->end - r->start);
        r->end -= r->start;
        r->start = 0;
    }
    if (r->end == r->size) {
        r->size *= 2;
        r->data = mem_realloc(r->data, r->size);
    }
    ssize_t n;
    while ((n = read(r->fd, r->data + r->end, r->size - r->end)) < 0 && errno == EINTR)
        ;
    if (n < 0) {
        log_errno("cannot read %s behind byte %llu", r->name, (unsigned long long)(r->offset + r->end));
        return -1;
    }
    r->at_end = n == 0;
    r->end += (size_t)n;
    return n > 0;
}

/* The place of the next line end in data[from..end); end when there is none. */
static size_t find_line_end(const struct reader *r, size_t from)
{
    const char *p = r->data + from;
    size_t n = r->end - from, i = 0;
    if (r->format.kind == FORMAT_NDJSON) {
        const char *lf = n ? memchr(p, '\n', n) : NULL;
        return lf ? (size_t)(lf - r->data) : r->end;
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
        at = find_line_end(r, r->start + at) - r->start;
        if (r->start + at < r->end)
            break;
        *too_long = at > LONGEST_RECORD;
        int got = *too_long ? 0 : more(r);
        if (got < 0)
            return -1;
        if (got == 0) {
            *line = (struct extent){at, at};
            return at > from;
        }
    }
    /* a line feed behind a carriage return belongs to it, even where a read ended between them */
    if (r->data[r->start + at] == '\r' && r->start + at + 1 == r->end && more(r) < 0)
        return -1;
    const char *end = r->data + r->start + at;
    bool two = *end == '\r' && r->start + at + 1 < r->end && end[1] == '\n';
    *line = (struct extent){at, at + 1 + two};
    if (*end == '\n' && at > from && end[-1] == '\r')
        line->len--;
    *too_long = at > LONGEST_RECORD;
    return 1;
}

static void advance(struct reader *r, size_t n)
{
    r->start += n;
    r->offset += n;
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
        quotes += count(r->data + r->start + seen, whole.len - seen, f->quote_char);
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
    if (!csv_split(f, r->data + r->start, whole.len, &a, &cells))
        *record = whole;
    arena_release(&a);
    return 0;
}

/* JSON's white space only, or for CSV nothing at all. */
static bool is_empty(const struct reader *r, size_t len)
{
    const char *p = r->data + r->start;
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
                      r->name, (unsigned long long)r->offset, LONGEST_RECORD >> 20);
            return -1;
        }
        bool comment = f->comment_char && record->len && r->data[r->start] == f->comment_char;
        if (!comment && !is_empty(r, record->len))
            return f->kind == FORMAT_CSV && f->quote_char && stretch(r, record) < 0 ? -1 : 1;
        advance(r, record->next);
    }
}

static int skip_byte_order_mark(struct reader *r)
{
    static const char mark[] = "\xef\xbb\xbf";
    if (!encoding_is_utf8(r->format.encoding))
        return 0;
    while (r->end - r->start < 3) {
        int got = more(r);
        if (got <= 0)
            return got;
    }
    if (memcmp(r->data + r->start, mark, 3) == 0)
        advance(r, 3);
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
                     r->name, name, first + 1, second + 1);
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
    if (set_header(r, r->data + r->start, record.len) < 0)
        return -1;
    warn_of_twins(r);
    advance(r, record.next);
    return 0;
}

static int begin(struct reader *r, uint64_t offset, const char *header, size_t header_len)
{
    bool headed = r->format.kind == FORMAT_CSV && r->format.has_header;
    /* a pipe cannot seek, and need not when it is read from its beginning */
    if (lseek(r->fd, (off_t)offset, SEEK_SET) < 0 && (offset || errno != ESPIPE)) {
        log_errno("cannot go to byte %llu of %s", (unsigned long long)offset, r->name);
        return -1;
    }
    r->offset = offset;
    if (offset == 0)
        return skip_byte_order_mark(r) < 0 || (headed && read_header(r) < 0) ? -1 : 0;
    if (headed && !header) {
        log_error("%s: reading cannot go on at byte %llu without the header", r->name, (unsigned long long)offset);
        return -1;
    }
    return headed ? set_header(r, header, header_len) : 0;
}

struct reader *reader_open(const struct format *f, int fd, const char *name, uint64_t offset, const char *header,
                           size_t header_len)
{
    struct reader *r = mem_alloc(sizeof *r);
    *r = (struct reader){.format = *f, .fd = fd, .size = FIRST_BUFFER, .data = mem_realloc(NULL, FIRST_BUFFER)};
    arena_init(&r->arena);
    r->name = arena_strdup(&r->arena, name);
    if (begin(r, offset, header, header_len) == 0)
        return r;
    reader_free(r);
    return NULL;
}

int reader_next(struct reader *r, struct arena *a, struct record *out)
{
    struct extent record;
    int got = find_record(r, &record);
    if (got <= 0)
        return got;
    reader_parse(&r->format, r->header, r->data + r->start, record.len, a, out);
    out->offset = r->offset;
    out->next_offset = r->offset + record.next;
    advance(r, record.next);
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
    free(r->data);
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
    else if (f->kind == FORMAT_NDJSON)
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
