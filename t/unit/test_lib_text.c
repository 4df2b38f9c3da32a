/*
 * Buffers, arenas and the small helpers over text.
 */
#include <stdlib.h>

#include "lib/buf.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/text.h"
#include "t/unit/tap.h"

static void test_buf(void)
{
    struct buf b;
    buf_init(&b, 10);
    is(buf_str(&b), "", "an empty buffer is an empty string");
    buf_puts(&b, "12345");
    buf_printf(&b, "%d", 67890);
    is(buf_str(&b), "1234567890", "it holds its maximum");
    buf_putc(&b, 'x');
    buf_puts(&b, "");
    ok(b.failed && b.len == 10, "what goes beyond is refused and remembered");
    buf_reset(&b);
    buf_printf(&b, "%s", "12345678901");
    ok(b.failed && b.len == 0, "nothing half written");
    buf_reset(&b);
    buf_puts(&b, "abc");
    buf_trim_end(&b, 2);
    is(buf_str(&b), "a", "after a reset it works again, and can be cut");
    buf_release(&b);
    buf_init(&b, 100);
    buf_json_string(&b, "a\"\\\n\r\t\x01\x7f\xc3\xa9", 10);
    is(buf_str(&b), "\"a\\\"\\\\\\n\\r\\t\\u0001\x7f\xc3\xa9\"", "a JSON string");
    buf_release(&b);
}

/* Eight bytes are looked at together: each byte at each place among others. */
static void test_json_string(void)
{
    struct buf b;
    int wrong = 0;
    buf_init(&b, 100);
    for (int c = 0; c < 256; c++)
        for (size_t place = 0; place < 20; place++) {
            char text[20], expected[40];
            memset(text, place % 2 ? 'x' : 0x80 | 'x', sizeof text);
            text[place] = (char)c;
            char escape = c == '"' || c == '\\' ? (char)c : c == '\n' ? 'n' : c == '\r' ? 'r' : c == '\t' ? 't' : 0;
            int n = snprintf(expected, sizeof expected, "\"%.*s", (int)place, text);
            n += escape      ? snprintf(expected + n, 3, "\\%c", escape)
                 : c >= 0x20 ? snprintf(expected + n, 2, "%c", c)
                             : snprintf(expected + n, 7, "\\u%04x", (unsigned)c);
            snprintf(expected + n, sizeof expected - (size_t)n, "%.*s\"", (int)(19 - place), text + place + 1);
            buf_reset(&b);
            buf_json_string(&b, text, sizeof text);
            wrong += strcmp(buf_str(&b), expected) != 0;
        }
    is_int(wrong, 0, "every byte at every place of a JSON string");
    buf_release(&b);
}

/* Short copies are made in pieces that overlap: of every length, with an escape at every place. */
static void test_short_json_strings(void)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~!?";
    int wrong = 0;
    for (size_t n = 0; n < sizeof letters; n++)
        for (size_t place = 0; place <= n; place++) { /* behind the last: none */
            char *text = malloc(n ? n : 1),
                 expected[2 * sizeof letters]; /* not a byte more, for the sanitizers to see */
            struct buf b;
            buf_init(&b, 1000);
            memcpy(text, letters, n);
            if (place < n)
                text[place] = '"';
            snprintf(expected, sizeof expected, "\"%.*s%s%.*s\"", (int)place, letters, place < n ? "\\\"" : "",
                     place < n ? (int)(n - place - 1) : 0, letters + place + 1);
            buf_json_string(&b, text, n);
            wrong += strcmp(buf_str(&b), expected) != 0;
            buf_release(&b);
            free(text);
        }
    is_int(wrong, 0, "JSON strings of every length, with an escape at every place");
    struct buf b;
    buf_init(&b, 8);
    buf_json_string(&b, "abcde\x01", 6);
    ok(b.failed && strlen(buf_str(&b)) == b.len, "an escape that does not fit leaves a string");
    buf_release(&b);
}

static void count(void *n)
{
    ++*(int *)n;
}

static void test_arena(void)
{
    struct arena a;
    int released = 0;
    arena_init(&a);
    char *p = arena_memdup(&a, "a\0b", 3);
    ok(memcmp(p, "a\0b", 4) == 0, "bytes and a NUL");
    is(arena_printf(&a, "%d-%s", 7, "x"), "7-x", "printf");
    for (int i = 0; i < 1000; i++)
        memset(arena_alloc(&a, 5000), 0xff, 5000);
    arena_hook(&a, count, &released);
    arena_reset(&a);
    is_int(released, 1, "a reset runs the hooks");
    char *again = arena_alloc(&a, 64);
    bool zero = true;
    for (int i = 0; i < 64; i++)
        zero = zero && again[i] == 0;
    ok(zero, "memory is zero again after a reset");
    arena_hook(&a, count, &released);
    arena_release(&a);
    is_int(released, 2, "so does the release, each once");
}

static void test_text(void)
{
    static const char *const names[] = {"products", "vendors", NULL};
    long long n;
    is(text_nearest("prodcuts", names), "products", "a slip of two letters");
    is(text_nearest("vendor", names), "vendors", "a missing letter");
    is(text_nearest("zebra", names), NULL, "nothing near");
    ok(text_integer("-12", -100, 100, &n) == 0 && n == -12, "a number");
    static const char *const bad[] = {"", " 1", "1 ", "+1", "1x", "0x1", "99999999999999999999", "101", "-"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        ok(text_integer(bad[i], -100, 100, &n) < 0, "\"%s\" is none", bad[i]);
    is_int(text_duration_ms("250ms"), 250, "milliseconds");
    is_int(text_duration_ms("2h"), 7200000, "hours");
    is_int(text_duration_ms("10min"), 600000, "minutes");
    ok(text_duration_ms("5") < 0 && text_duration_ms("-5s") < 0 && text_duration_ms("9223372036854775807d") < 0,
       "no unit, no sign, no overflow");
    is_int(text_size("512kB"), 524288, "kilobytes");
    is_int(text_size("64MB"), 67108864, "megabytes");
    is_int(text_size("2TB"), 2199023255552, "terabytes");
    ok(text_size("64") < 0 && text_size("64mb") < 0 && text_size("-1MB") < 0 && text_size("8388608TB") < 0,
       "a unit as Postgres writes it, no sign, no overflow");
    static const struct {
        const char *s;
        size_t valid;
    } utf8[] = {
        {"a\xc3\xa9", 3},        {"\xc3", 0},     {"a\xc0\x80", 1},    {"\xed\xa0\x80", 0}, {"\xf4\x90\x80\x80", 0},
        {"\xf0\x9f\x98\x80", 4}, {"\xe2\x82", 0}, {"\xe0\x80\x80", 0}, {"\xff", 0}};
    for (size_t i = 0; i < ARRAY_SIZE(utf8); i++)
        is_int(text_utf8_valid(utf8[i].s, strlen(utf8[i].s)), utf8[i].valid, "length of valid UTF-8");
    char hex[65];
    text_sha256("abc", 3, hex);
    is(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "SHA-256 of FIPS 180-2's example");
}

static void test_log(void)
{
    struct buf b;
    buf_init(&b, 1000);
    log_capture(&b);
    log_warn("bad \x1b[31m name\x7f %s", "caf\xc3\xa9");
    log_capture(NULL);
    is(buf_str(&b), "bad \\x1b[31m name\\x7f caf\xc3\xa9\n", "control bytes cannot forge a log line");
    buf_release(&b);
}

int main(void)
{
    test_buf();
    test_json_string();
    test_short_json_strings();
    test_arena();
    test_text();
    test_log();
    return tap_done();
}
