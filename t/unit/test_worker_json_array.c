/*
 * JSON arrays as files of records, gzip, and places in a document that is here as a whole.
 */
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "lib/log.h"
#include "t/unit/tap.h"
#include "worker/json_array.h"
#include "worker/reader.h"

static struct buf told;

static int file_of(const void *bytes, size_t n)
{
    int fd = memfd_create("test", MFD_CLOEXEC);
    if (fd < 0 || write(fd, bytes, n) != (ssize_t)n)
        exit(1);
    return fd;
}

/* Reads on from an offset: "id:bytes id:bytes", with "!" before a record that is a problem, and at the end "." or what
 * was told. Where each began goes into offsets. */
static const char *read_from(struct arena *a, int fd, const char *records, uint64_t offset, uint64_t *offsets)
{
    const struct format f = {.kind = FORMAT_JSON, .encoding = "UTF-8", .records = records};
    struct buf out;
    struct record record;
    int got = -1;
    buf_init(&out, 1 << 20);
    buf_reset(&told);
    log_capture(&told);
    struct reader *r = reader_open(&f, fd, "test", offset, NULL, 0);
    while (r && (got = reader_next(r, a, &record)) > 0) {
        if (offsets)
            *offsets++ = record.next_offset;
        buf_printf(&out, "%s%.*s ", record.problem ? "!" : "", (int)record.len, record.bytes);
    }
    reader_free(r);
    log_capture(NULL);
    buf_puts(&out, got == 0 ? "." : "failed");
    const char *s = arena_strdup(a, buf_str(&out));
    buf_release(&out);
    return s;
}

static void test_arrays(void)
{
    static const struct {
        const char *text, *records, *expected, *says;
    } rows[] = {
        {"[]", NULL, ".", NULL},
        {"\xef\xbb\xbf [ {\"a\":1} , {\"a\":\"]\\\"}\"} ] \n", NULL, "{\"a\":1} {\"a\":\"]\\\"}\"} .", NULL},
        {"[{\"a\":[{\"b\":[]}]}, 7,{a:1}, {\"a\":1]]", NULL, "{\"a\":[{\"b\":[]}]} !7 !{a:1} !{\"a\":1] .", NULL},
        {"{\"x\":{\"data\":[1]},\"data\":[{\"a\":1}],\"n\":2}", "/data", "{\"a\":1} .", NULL},
        {"{\"x/y\":{\"\\u0064~\":[{\"a\":1}]}}", "/x~1y/d~0", "{\"a\":1} .", NULL},
        {"{\"data\":[{\"a\":1}", "/data", "failed", "cut off"},
        {"[{\"a\":1}]\n[{\"a\":2}]", NULL, "{\"a\":1} failed", "test: byte 10: something stands behind the document"},
        {"[{\"a\":1}]x", NULL, "{\"a\":1} failed", "something stands behind the document"},
        {"{\"data\":[{\"a\":1}]} {\"data\":[{\"a\":2}]}", "/data", "{\"a\":1} failed", "something stands behind"},
        {"{\"data\":[{\"a\":1}],\"n\":2", "/data", "{\"a\":1} failed", "the document is cut off"},
        {"{\"data\":[{\"a\":1}],\"n\":\"}", "/data", "{\"a\":1} failed", "the document is cut off"},
        {"{\"x\":{\"data\":[{\"a\":1}],\"s\":\"}]\\\"\\\\\"},\"n\":[{\"data\":[]}]}\r\n", "/x/data", "{\"a\":1} .",
         NULL},
        {"[{\"a\":1},{\"a\"", NULL, "{\"a\":1} failed", "test: byte 9: the array of records is cut off"},
        {"[{\"a\":1},", NULL, "{\"a\":1} failed", "cut off"},
        {"[{\"a\":1} {\"a\":2}]", NULL, "failed", "neither a comma nor the end"},
        {"[{\"a\":1},]", NULL, "{\"a\":1} failed", "a value was expected here"},
        {"[,]", NULL, "failed", "a value was expected here"},
        {"{\"data\":[]}", NULL, "failed", "by \"records\" in the source file"},
        {"{\"data\":{}}", "/data", "failed", "is no array"},
        {"{\"data\":[]}", "/items", "failed", "has nothing at \"/items\""},
        {"<html>", NULL, "failed", "an array was expected"},
        {"", NULL, "failed", "it is not JSON, or cut off"},
    };
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int fd = file_of(rows[i].text, strlen(rows[i].text));
        is(read_from(&a, fd, rows[i].records, 0, NULL), rows[i].expected, rows[i].text);
        if (!ok(rows[i].says ? strstr(buf_str(&told), rows[i].says) != NULL : !told.len, "what is told"))
            printf("# %s\n", buf_str(&told));
        close(fd);
    }
    arena_release(&a);
}

/* The same bytes, packed in two members. */
static int gzip_of(const char *text, size_t cut_off)
{
    static unsigned char packed[4096];
    z_stream z = {0};
    size_t n = strlen(text), have = 0;
    for (int member = 0; member < 2; member++) {
        deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
        unsigned char half[2048];
        size_t from = member ? n / 2 : 0, length = member ? n - n / 2 : n / 2;
        memcpy(half, text + from, length);
        z.next_in = half;
        z.avail_in = (unsigned)length;
        z.next_out = packed + have;
        z.avail_out = (unsigned)(sizeof packed - have);
        if (deflate(&z, Z_FINISH) != Z_STREAM_END)
            exit(1);
        have = sizeof packed - z.avail_out;
        deflateEnd(&z);
    }
    return file_of(packed, have - cut_off);
}

static void test_middle(int fd, const char *what)
{
    struct arena a;
    uint64_t offsets[8];
    arena_init(&a);
    is(read_from(&a, fd, "/data", 0, offsets), "{\"a\":1} {\"a\":2} {\"a\":3} .", what);
    is(read_from(&a, fd, "/data", offsets[0], NULL), "{\"a\":2} {\"a\":3} .", "reading goes on behind the first");
    is(read_from(&a, fd, "/data", offsets[1], NULL), "{\"a\":3} .", "the second");
    is(read_from(&a, fd, "/data", offsets[2], NULL), ".", "and the last");
    close(fd);
    arena_release(&a);
}

static void test_gzip(void)
{
    static const char text[] = "{\"n\":3,\"data\": [ {\"a\":1} ,\n {\"a\":2},{\"a\":3} ] }";
    struct arena a;
    arena_init(&a);
    test_middle(file_of(text, strlen(text)), "plain");
    test_middle(gzip_of(text, 0), "two members of gzip are one file");
    int fd = gzip_of(text, 0);
    ok(!input_gzip_problem(fd), "a gzip that ends well");
    close(fd);
    fd = gzip_of(text, 3);
    ok(strstr(input_gzip_problem(fd), "cut off"), "one without its end");
    is(read_from(&a, fd, "/data", 0, NULL), "{\"a\":1} {\"a\":2} {\"a\":3} failed", "is not read to its end");
    ok(strstr(buf_str(&told), "its gzip is cut off"), "and told: %s", buf_str(&told));
    close(fd);
    fd = gzip_of(text, 0);
    if (pwrite(fd, "\xff\xff\xff", 3, 20) != 3)
        exit(1);
    ok(strstr(input_gzip_problem(fd), "gzip is broken"), "one with wrong bytes in its middle");
    close(fd);
    fd = gzip_of(text, 0);
    if (lseek(fd, 0, SEEK_END) < 0 || write(fd, "tail", 4) != 4)
        exit(1);
    ok(strstr(input_gzip_problem(fd), "no gzip stands behind"), "one with something behind it");
    close(fd);
    fd = file_of("\x1f", 1);
    ok(!input_gzip_problem(fd), "no gzip has no such problem");
    close(fd);
    arena_release(&a);
}

static void test_locate(void)
{
    static const struct {
        const char *text, *pointer, *expected; /* NULL: not there; "!": broken */
    } rows[] = {
        {" {\"a\":{\"next\":\"x y\"},\"b\":[1]} ", "/a/next", "\"x y\""},
        {"{\"a\":1,\"b\":[1, 2]}", "/b", "[1, 2]"},
        {"{\"a\":1}", "", "{\"a\":1}"},
        {"{\"a\":null}", "/a", "null"},
        {"{\"a\":1}", "/b", NULL},
        {"{}", "/b", NULL},
        {"[{\"b\":1}]", "/b", NULL},
        {"{\"a\":1", "/a", "!"},
        {"{\"a\":\"x", "/a", "!"},
        {"{\"a\":1} {}", "/a", "!"},
        {"{\"a\" 1}", "/a", "!"},
        {"<html></html>", "/a", "!"},
        {"", "", "!"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        size_t at = 0, len = 0, n = rows[i].expected ? strlen(rows[i].expected) : 0;
        int got = json_locate(rows[i].text, strlen(rows[i].text), rows[i].pointer, &at, &len);
        bool found = got == 1 && len == n && memcmp(rows[i].text + at, rows[i].expected, n) == 0;
        ok(!rows[i].expected          ? got == 0
           : *rows[i].expected == '!' ? got == -1
                                      : found,
           "\"%s\" in %s is %s", rows[i].pointer, rows[i].text, rows[i].expected ? rows[i].expected : "not there");
    }
}

int main(void)
{
    buf_init(&told, 100000);
    test_arrays();
    test_gzip();
    test_locate();
    buf_release(&told);
    return tap_done();
}
