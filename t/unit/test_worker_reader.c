/* Readers: files in pieces of any size, records with exact bytes and offsets, and what is wrong with them. */
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/log.h"
#include "t/unit/tap.h"
#include "worker/reader.h"

static const struct format ndjson = {.kind = FORMAT_NDJSON, .encoding = "UTF-8"};
static const struct format csv = {
    .kind = FORMAT_CSV, .encoding = "UTF-8", .delimiter = ',', .quote_char = '"', .has_header = true};

/* A file with this content, open for reading. */
static int file_of(const char *s, size_t n)
{
    char path[] = "/tmp/test_worker_reader.XXXXXX";
    int fd = mkstemp(path);
    unlink(path);
    if (fd < 0 || write(fd, s, n) != (ssize_t)n || lseek(fd, 0, SEEK_SET) != 0)
        abort();
    return fd;
}

/* A pipe into which a child writes so many bytes at a time, so that reads end anywhere. */
static int pipe_of(const char *s, size_t n, size_t piece, pid_t *child)
{
    int ends[2];
    if (pipe(ends) < 0)
        abort();
    *child = fork();
    if (*child == 0) {
        close(ends[0]);
        for (size_t at = 0; at < n; at += piece) {
            size_t size = n - at < piece ? n - at : piece;
            if (write(ends[1], s + at, size) != (ssize_t)size)
                _exit(1);
            usleep(200);
        }
        _exit(0);
    }
    close(ends[1]);
    return ends[0];
}

static void put_record(struct buf *b, const struct record *r, struct arena *a)
{
    if (r->problem) {
        buf_printf(b, "<%s %s>", r->problem->rule, reason_names[r->problem->code]);
        return;
    }
    const struct document *d = &r->document;
    if (d->json) {
        struct value v = document_find(d, a, "a");
        buf_printf(b, "<%.*s>", (int)v.len, v.text ? v.text : "");
        return;
    }
    buf_putc(b, '<');
    for (size_t i = 0; i < d->header->n; i++) {
        buf_puts(b, i ? "|" : "");
        buf_put(b, d->cells[i].text, d->cells[i].len);
    }
    buf_putc(b, '>');
}

/* Everything read from fd as "<cell|cell><…>"; " end" is not there when reading failed. */
static const char *read_all(struct buf *out, const struct format *f, int fd)
{
    struct arena a;
    struct record record;
    size_t n;
    int got = -1;
    buf_init(out, 1 << 20);
    arena_init(&a);
    struct reader *r = reader_open(f, fd, "test", 0, NULL, 0);
    if (r && reader_header(r, &n)) {
        buf_puts(out, "[");
        buf_put(out, reader_header(r, &n), n);
        buf_puts(out, "]");
    }
    while (r && (got = reader_next(r, &a, &record)) > 0)
        put_record(out, &record, &a);
    buf_puts(out, got == 0 ? " end" : " failed");
    reader_free(r);
    arena_release(&a);
    close(fd);
    return buf_str(out);
}

#define BOM "\xef\xbb\xbf"
static const struct {
    const struct format *format;
    const char *text, *records;
} files[] = {
    {&ndjson, "", " end"},
    {&ndjson, "{\"a\":1}\n{\"a\":2}\n", "<1><2> end"},
    {&ndjson, "{\"a\":1}\r\n\r\n \t\n{\"a\":2}", "<1><2> end"},
    {&ndjson, BOM "{\"a\":1}\n", "<1> end"},
    {&ndjson, "{\"a\":1}\n" BOM "{\"a\":1}\n", "<1><json malformed> end"},
    {&ndjson, "{\"a\":\"\xc3\xa9\"}\n", "<\u00e9> end"},
    {&ndjson, "{\"a\":\"\xe9\"}\n{\"a\":2}\n", "<UTF-8 bad_encoding><2> end"},
    {&ndjson, "{\"a\":\"\\ud800\"}\n[1]\n7\n{\"a\":\n",
     "<json bad_encoding><json malformed><json malformed><json malformed> end"},
    {&csv, "", " end"},
    {&csv, BOM, " end"},
    {&csv, "id,name\n", "[id,name] end"},
    {&csv, BOM "id,name\n1,a\n", "[id,name]<1|a> end"},
    {&csv, "id,name\r\n1,a\r\n2,b", "[id,name]<1|a><2|b> end"},
    {&csv, "id,name\r1,a\r\r2,b\r", "[id,name]<1|a><2|b> end"},
    {&csv, "id,name\n\n1, a \n", "[id,name]<1| a > end"},
    {&csv, "\"id\",\"na\nme\"\n1,a\n", "[\"id\",\"na\nme\"]<1|a> end"},
    {&csv, "id,name\n1,\"a,\"\"b\"\"\"\n", "[id,name]<1|a,\"b\"> end"},
    {&csv, "id,name\n1,\"a\r\nb\n\"\r\n2,c\r\n", "[id,name]<1|a\r\nb\n><2|c> end"},
    {&csv, "id,name\n,\n\"\",\"\"\n", "[id,name]<|><|> end"},
    {&csv, "id,name\n1\n1,2,3\n2,b\n", "[id,name]<columns malformed><columns malformed><2|b> end"},
    {&csv, "id,name\n1,5\" pipe\n2,b\n3,6\" pipe\n4,d\n",
     "[id,name]<quotes malformed><2|b><quotes malformed><4|d> end"},
    {&csv, "id,name\n1,\"open\n2,b\n3,c", "[id,name]<quotes malformed><2|b><3|c> end"},
    {&csv, "id,name\n1,\"a\"b\n2,b\n", "[id,name]<quotes malformed><2|b> end"},
    {&csv, "id,name\n1,\xe9\n2,b\n", "[id,name]<UTF-8 bad_encoding><2|b> end"},
    {&csv, "id\nx\n", "[id]<x> end"},
};

static void test_files(void)
{
    static const size_t pieces[] = {1, 3};
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        struct buf out;
        size_t n = strlen(files[i].text);
        char name[40];
        snprintf(name, sizeof name, "file %zu", i);
        is(read_all(&out, files[i].format, file_of(files[i].text, n)), files[i].records, name);
        buf_release(&out);
        for (size_t k = 0; k < ARRAY_SIZE(pieces); k++) {
            pid_t child;
            int fd = pipe_of(files[i].text, n, pieces[k], &child);
            snprintf(name, sizeof name, "file %zu, %zu bytes at a time", i, pieces[k]);
            is(read_all(&out, files[i].format, fd), files[i].records, name);
            waitpid(child, NULL, 0);
            buf_release(&out);
        }
    }
}

static void check(const struct format *f, const char *text, size_t n, const char *records, const char *name)
{
    struct buf out;
    is(read_all(&out, f, file_of(text, n)), records, name);
    buf_release(&out);
}

static void test_dialects(void)
{
    struct format f = csv;
    f.delimiter = '\t';
    f.quote_char = 0;
    check(&f, "id\tname\n1\t5\" pipe\n", 17, "[id\tname]<1|5\" pipe> end",
          "without a quote character quotes are letters");
    f = csv;
    f.comment_char = '#';
    check(&f, "# what\nid,a\n#1,2\n3,4\n\"#\",5\n", 27, "[id,a]<3|4><#|5> end", "comments are skipped");
    f = csv;
    f.has_header = false;
    check(&f, "1,2\n3\n", 6, "<1|2><3> end", "without a header each record has its own columns");
    f = csv;
    f.quote_char = '\'';
    f.delimiter = ';';
    check(&f, "id;a\n1;'x;''y'''\n", 17, "[id;a]<1|x;'y'> end", "other quotes, another delimiter");
    check(&csv, "id,a\n1,a\0b\n", 11, "[id,a]<1|a", "a NUL is kept in its cell");
    f = csv;
    f.encoding = "ISO-8859-1";
    check(&f, "id,\xe9\n1,\xfc\n", 9, "[id,\xe9]<1|\u00fc> end", "Latin-1 is decoded");
    f.encoding = "WINDOWS-1252";
    check(&f, "id,a\n1,\x80\n2,\x81\n", 13, "[id,a]<1|\u20ac><WINDOWS-1252 bad_encoding> end",
          "a byte that does not decode is told");
    f.encoding = "EUC-JP";
    check(&f, "id,a\n1,\xa4\xa2\n2,\xa4", 13, "[id,a]<1|\u3042><EUC-JP bad_encoding> end", "so is half a character");
    struct format g = ndjson;
    g.encoding = "ISO-8859-1";
    check(&g, "{\"a\":\"\xe9\"}\n", 10, "<\u00e9> end", "NDJSON in Latin-1");
}

/* Offsets tile the file, reading goes on anywhere, and kept bytes parse to the same. */
static void test_offsets(void)
{
    static const char text[] = BOM "id,name\r\n1,a\r\n\r\n2,\"b\r\nb\"\r\n3,\xff\r\n4,d";
    struct arena a;
    struct record record, again;
    uint64_t offsets[8];
    size_t n = 0, header_len;
    arena_init(&a);
    int fd = file_of(text, sizeof text - 1);
    struct reader *r = reader_open(&csv, fd, "test", 0, NULL, 0);
    const char *header = arena_strdup(&a, reader_header(r, &header_len));
    for (; reader_next(r, &a, &record) > 0 && n < ARRAY_SIZE(offsets); n++) {
        offsets[n] = record.offset;
        ok(memcmp(record.bytes, text + record.offset, record.len) == 0, "record %zu is what stands at its offset", n);
        ok(record.next_offset <= sizeof text - 1 && record.next_offset > record.offset,
           "and ends where the next begins");
        struct buf x, y;
        buf_init(&x, 1000);
        buf_init(&y, 1000);
        put_record(&x, &record, &a);
        reader_parse(&csv, reader_parse_header(&csv, header, header_len, &a), record.bytes, record.len, &a, &again);
        put_record(&y, &again, &a);
        is(buf_str(&y), buf_str(&x), "its kept bytes parse to the same");
        buf_release(&x);
        buf_release(&y);
    }
    reader_free(r);
    is_int((long long)n, 4, "four records");
    for (size_t i = 0; i < n; i++) {
        r = reader_open(&csv, fd, "test", offsets[i], header, header_len);
        ok(reader_next(r, &a, &record) == 1 && record.offset == offsets[i], "reading goes on at record %zu", i);
        reader_free(r);
    }
    struct buf log;
    buf_init(&log, 1000);
    log_capture(&log);
    ok(!reader_open(&csv, fd, "test", 30, NULL, 0), "but not without the header");
    log_capture(NULL);
    ok(strstr(buf_str(&log), "without the header"), "which is told");
    buf_release(&log);
    arena_release(&a);
    close(fd);
}

/* A quote that never closes, and a record beyond the maximum. */
static void test_limits(void)
{
    const size_t size = (size_t)17 << 20;
    char *text = mem_alloc(size);
    struct buf out, log;
    memset(text, 'x', size);
    memcpy(text, "id,name\n1,\"open\n", 16);
    for (size_t i = 100; i < size; i += 100)
        memcpy(text + i, "\n2,b", 4);
    int fd = file_of(text, size);
    struct arena a;
    struct record record;
    arena_init(&a);
    struct reader *r = reader_open(&csv, fd, "test", 0, NULL, 0);
    ok(reader_next(r, &a, &record) == 1 && record.problem && record.len == 7, "an open quote costs its own line");
    ok(strstr(record.problem->message, "not closed"), "which is told");
    size_t n = 0;
    while (reader_next(r, &a, &record) > 0)
        arena_reset(&a), n++;
    ok(n > size / 100, "and the rest of the file is read, %zu records", n);
    reader_free(r);
    close(fd);
    arena_release(&a);
    memset(text, 'x', size);
    buf_init(&log, 1000);
    log_capture(&log);
    is(read_all(&out, &ndjson, file_of(text, size)), " failed", "a record of 17 MiB ends reading");
    log_capture(NULL);
    ok(strstr(buf_str(&log), "longer than 16 MiB"), "and is told");
    buf_release(&log);
    buf_release(&out);
    free(text);
}

static void test_messages(void)
{
    struct arena a;
    struct record record;
    arena_init(&a);
    static const char *const names[] = {"id", "name"};
    reader_parse(&csv, header_make(&a, names, 2), "1,2,3", 5, &a, &record);
    is(record.problem->message, "3 cells, but the header has 2 columns", "both numbers are told");
    reader_parse(&ndjson, NULL, "{\"a\":\"\xff\"}", 9, &a, &record);
    is(record.problem->message, "byte 0xff at byte 6 of the record is not UTF-8", "and where a byte does not decode");
    is(record.problem->value, "{\"a\":\"\ufffd\"}", "with what stands around it");
    reader_parse(&ndjson, NULL, "{\"a\":1,\"b\":}", 12, &a, &record);
    ok(strstr(record.problem->message, "at byte 11"), "and where JSON ends to be such");
    arena_release(&a);
}

static bool loads(struct arena *a, const char *json, const char *complaint)
{
    struct format f;
    struct buf log;
    buf_init(&log, 4096);
    log_capture(&log);
    int result = format_parse(&f, a, json);
    log_capture(NULL);
    bool told = !complaint || strstr(buf_str(&log), complaint);
    buf_release(&log);
    return complaint ? result < 0 && told : result == 0;
}

static void test_format(void)
{
    static const struct {
        const char *json, *complaint; /* NULL: good */
    } rows[] = {
        {"{\"format\":\"ndjson\"}", NULL},
        {"{\"format\":\"tsv\",\"encoding\":\"ISO-8859-1\"}", NULL},
        {"{\"format\":\"csv\",\"encoding\":\"EUC-JP\",\"dialect\":{\"delimiter\":\";\",\"quoteChar\":null,\"header\":"
         "false}}",
         NULL},
        {"{}", "format"},
        {"{\"format\":\"cvs\"}", "did you mean \"csv\"?"},
        {"{\"format\":\"csv\",\"encoding\":\"UTF-16\"}", "converted to UTF-8"},
        {"{\"format\":\"csv\",\"encoding\":\"UTF-16LE\"}", "converted to UTF-8"},
        {"{\"format\":\"csv\",\"encoding\":\"UTF-32\"}", "converted to UTF-8"},
        {"{\"format\":\"csv\",\"encoding\":\"UTF-7\"}", "converted to UTF-8"},
        {"{\"format\":\"csv\",\"encoding\":\"ISO-2022-JP\"}", "converted to UTF-8"},
        {"{\"format\":\"csv\",\"encoding\":\"EBCDIC-US\"}", "converted to UTF-8"},
        {"{\"format\":\"csv\",\"encoding\":\"latin-nine\"}", "no such encoding"},
        {"{\"format\":\"csv\",\"encoding\":\"UTF-8//IGNORE\"}", "no such encoding"},
        {"{\"format\":\"ndjson\",\"dialect\":{}}", "only csv and tsv"},
        {"{\"format\":\"csv\",\"dialect\":{\"delimeter\":\";\"}}", "did you mean \"delimiter\"?"},
        {"{\"format\":\"csv\",\"dialect\":{\"delimiter\":\";;\"}}", "one character"},
        {"{\"format\":\"csv\",\"dialect\":{\"delimiter\":\"\\n\"}}", "one character"},
        {"{\"format\":\"csv\",\"dialect\":{\"delimiter\":null}}", "a delimiter is needed"},
        {"{\"format\":\"csv\",\"dialect\":{\"delimiter\":\"\\\"\"}}", "cannot be the quote"},
        {"{\"format\":\"json\",\"records\":\"data\"}", "records: a JSON Pointer was expected"},
        {"{\"format\":\"csv\",\"records\":\"/data\"}", "only json has a place"},
    };
    struct arena a;
    struct format f, g;
    arena_init(&a);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        ok(loads(&a, rows[i].json, rows[i].complaint), "%s is %s", rows[i].json, rows[i].complaint ? "told" : "good");
    f = (struct format){.kind = FORMAT_CSV, .encoding = "ISO-8859-1", .delimiter = '\t', .comment_char = '#'};
    ok(format_parse(&g, &a, format_json(&f, &a)) == 0 && strcmp(g.encoding, f.encoding) == 0 && g.kind == f.kind &&
           g.delimiter == '\t' && g.quote_char == 0 && !g.has_header && g.comment_char == '#',
       "a format comes back from its JSON: %s", format_json(&f, &a));
    ok(format_parse(&g, &a, format_json(&ndjson, &a)) == 0 && g.kind == FORMAT_NDJSON, "NDJSON, too");
    ok(format_from_name(&g, "x/y.TSV") == 0 && g.delimiter == '\t', "a name tells TSV");
    ok(format_from_name(&g, "y.jsonl") == 0 && g.kind == FORMAT_NDJSON, "and NDJSON");
    ok(format_from_name(&g, "y.csv.gz") == 0 && g.kind == FORMAT_CSV, "with .gz behind it, too");
    f = (struct format){.kind = FORMAT_JSON, .encoding = "UTF-8", .records = "/a/b"};
    ok(format_parse(&g, &a, format_json(&f, &a)) == 0 && g.kind == FORMAT_JSON && strcmp(g.records, "/a/b") == 0,
       "JSON with the place of its records");
    ok(format_from_name(&g, "y.gz") < 0 && format_from_name(&g, ".csv") < 0, "or nothing");
    arena_release(&a);
}

int main(void)
{
    test_files();
    test_dialects();
    test_offsets();
    test_limits();
    test_messages();
    test_format();
    return tap_done();
}
