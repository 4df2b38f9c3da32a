#include "fcgi-app/url.h"

#include <string.h>

#include "lib/text.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

const char *url_decode(struct arena *a, const char *s, size_t n, bool plus)
{
    char *out = arena_alloc(a, n + 1);
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        char c = s[i];
        if (c == '%' && n - i > 2 && hex_digit(s[i + 1]) >= 0 && hex_digit(s[i + 2]) >= 0) {
            c = (char)(hex_digit(s[i + 1]) << 4 | hex_digit(s[i + 2]));
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if (!c)
            return NULL;
        out[len++] = c;
    }
    return text_utf8_valid(out, len) == len ? out : NULL;
}

struct url_pair *url_query(struct arena *a, const char *query, size_t *n)
{
    size_t room = 1;
    for (const char *s = query; *s; s++)
        room += *s == '&';
    struct url_pair *pairs = arena_array(a, room, sizeof *pairs);
    *n = 0;
    for (const char *s = query; *s;) {
        const char *end = strchrnul(s, '&'), *equals = memchr(s, '=', (size_t)(end - s));
        if (equals)
            pairs[(*n)++] = (struct url_pair){
                .key = url_decode(a, s, (size_t)(equals - s), true),
                .value = url_decode(a, equals + 1, (size_t)(end - equals - 1), true),
            };
        s = *end ? end + 1 : end;
    }
    return pairs;
}

static const char digits[] = "0123456789ABCDEF";

const char *url_safe(struct arena *a, const char *s)
{
    char *out = arena_alloc(a, 3 * strlen(s) + 1);
    size_t len = 0;
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c > 0x20 && c < 0x7f && c != '"' && c != '<' && c != '>') {
            out[len++] = (char)c;
            continue;
        }
        out[len++] = '%';
        out[len++] = digits[c >> 4];
        out[len++] = digits[c & 15];
    }
    return out;
}

static bool is_unreserved(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || strchr("-._~", c);
}

void url_put_segment(struct buf *b, const char *s, size_t n)
{
    for (const char *end = s + n; s < end; s++) {
        unsigned char c = (unsigned char)*s;
        if (is_unreserved(*s))
            buf_putc(b, *s);
        else
            buf_printf(b, "%%%c%c", digits[c >> 4], digits[c & 15]);
    }
}
