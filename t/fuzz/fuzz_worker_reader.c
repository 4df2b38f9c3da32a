/*
 * Reading anything. The first byte of the input chooses a format, the rest is the file. Offsets must tile the file, the
 * bytes of a record must be what stands there and parse to the same again, and reading on from the middle must give the
 * same records as reading through.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/log.h"
#include "worker/json_array.h"
#include "worker/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition)
        abort();
}

static const struct format formats[] = {
    {.kind = FORMAT_NDJSON, .encoding = "UTF-8"},
    {.kind = FORMAT_CSV, .encoding = "UTF-8", .delimiter = ',', .quote_char = '"', .has_header = true},
    {.kind = FORMAT_CSV, .encoding = "UTF-8", .delimiter = '\t', .has_header = true},
    {.kind = FORMAT_CSV,
     .encoding = "WINDOWS-1252",
     .delimiter = ';',
     .quote_char = '"',
     .has_header = true,
     .comment_char = '#'},
    {.kind = FORMAT_CSV, .encoding = "UTF-8", .delimiter = ',', .quote_char = '\''},
    {.kind = FORMAT_NDJSON, .encoding = "EUC-JP"},
    {.kind = FORMAT_JSON, .encoding = "UTF-8"},
    {.kind = FORMAT_JSON, .encoding = "UTF-8", .records = "/data/a~1b"},
};

/* What json_locate() finds lies in the text, and is found again in itself. */
static void locate(const char *text, size_t n)
{
    size_t at, len, at_again, len_again;
    if (json_locate(text, n, "/data/a~1b", &at, &len) <= 0)
        return;
    must(len && at + len <= n);
    if (text[at] == '{' || text[at] == '[')
        must(json_locate(text + at, len, "", &at_again, &len_again) == 1 && at_again == 0 && len_again == len);
}

static bool same_document(const struct document *x, const struct document *y)
{
    if (!x->json != !y->json || !x->header != !y->header || (x->header && x->header->n != y->header->n))
        return false;
    for (size_t i = 0; x->header && i < x->header->n; i++)
        if (x->cells[i].len != y->cells[i].len || memcmp(x->cells[i].text, y->cells[i].text, x->cells[i].len) != 0)
            return false;
    return true;
}

static bool same_problem(const struct reason *x, const struct reason *y)
{
    return x && y ? x->code == y->code && strcmp(x->rule, y->rule) == 0 && strcmp(x->message, y->message) == 0 : x == y;
}

struct place {
    uint64_t offset;
    size_t len;
};

/* One record against the file, and against itself parsed again. */
static void check(const struct format *f, const struct header *header, const struct record *r, struct arena *a,
                  const uint8_t *file, size_t n)
{
    struct record again;
    bool is_gzip = n > 1 && file[0] == 0x1f && file[1] == 0x8b; /* then offsets are those of what is in there */
    must(r->next_offset >= r->offset + r->len);
    must(is_gzip || (r->next_offset <= n && memcmp(r->bytes, file + r->offset, r->len) == 0));
    reader_parse(f, header, r->bytes, r->len, a, &again);
    must(same_problem(r->problem, again.problem));
    must(same_document(&r->document, &again.document));
}

static size_t read_through(const struct format *f, int fd, const uint8_t *file, size_t n, struct arena *a,
                           struct place *list, size_t most)
{
    struct record record;
    size_t count = 0, header_len;
    uint64_t behind = 0;
    struct reader *r = reader_open(f, fd, "fuzz", 0, NULL, 0);
    if (!r)
        return 0;
    const char *bytes = reader_header(r, &header_len);
    const struct header *header = bytes ? reader_parse_header(f, bytes, header_len, a) : NULL;
    while (reader_next(r, a, &record) > 0) {
        must(record.offset >= behind);
        behind = record.next_offset;
        check(f, header, &record, a, file, n);
        if (count < most)
            list[count] = (struct place){record.offset, record.len};
        count++;
    }
    reader_free(r);
    return count;
}

/* From the middle on, the same records come. */
static void read_on(const struct format *f, int fd, struct arena *a, const struct place *list, size_t count)
{
    size_t i = count / 2, header_len;
    struct record record;
    struct reader *first = reader_open(f, fd, "fuzz", 0, NULL, 0);
    const char *header = reader_header(first, &header_len);
    struct reader *r = reader_open(f, fd, "fuzz", list[i].offset, header, header_len);
    must(r != NULL);
    while (reader_next(r, a, &record) > 0) {
        must(i < count && record.offset == list[i].offset && record.len == list[i].len);
        i++;
    }
    must(i == count);
    reader_free(r);
    reader_free(first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { MOST = 4096 };
    static struct place list[MOST];
    struct arena a;
    struct buf log;
    if (size < 1)
        return 0;
    const struct format *f = &formats[data[0] % ARRAY_SIZE(formats)];
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    must(fd >= 0 && write(fd, data + 1, size - 1) == (ssize_t)size - 1);
    arena_init(&a);
    buf_init(&log, 1 << 20);
    log_capture(&log);
    locate((const char *)data + 1, size - 1);
    size_t count = read_through(f, fd, data + 1, size - 1, &a, list, MOST);
    if (count && count <= MOST && list[count / 2].offset)
        read_on(f, fd, &a, list, count);
    log_capture(NULL);
    buf_release(&log);
    arena_release(&a);
    close(fd);
    return 0;
}
