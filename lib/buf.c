#include "lib/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/eight.h"
#include "lib/mem.h"

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void buf_release(struct buf *b)
{
    free(b->data);
    *b = (struct buf){.max = b->max};
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->failed = false;
    if (b->data)
        b->data[0] = 0;
}

bool buf_grow(struct buf *b, size_t n)
{
    if (b->failed)
        return false;
    if (n > b->max - b->len) {
        b->failed = true;
        return false;
    }
    size_t need = b->len + n + 1;
    if (need > b->size) {
        size_t size = b->size ? b->size : 256;
        while (size < need)
            size = size > SIZE_MAX / 2 ? need : size * 2;
        size = size > b->max ? b->max + 1 : size;
        b->data = mem_realloc(b->data, size);
        b->size = size;
    }
    return true;
}

void buf_put_integer(struct buf *b, long long n)
{
    char digits[24], *first = digits + sizeof digits;
    unsigned long long left = n < 0 ? 0 - (unsigned long long)n : (unsigned long long)n;
    do {
        *--first = (char)('0' + left % 10);
        left /= 10;
    } while (left);
    if (n < 0)
        *--first = '-';
    buf_put(b, first, (size_t)(digits + sizeof digits - first));
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list args, again;
    if (b->failed)
        return;
    va_start(args, format);
    va_copy(again, args);
    size_t room = b->size - b->len; /* tried first, since it is mostly enough */
    int n = vsnprintf(room ? b->data + b->len : NULL, room, format, args);
    va_end(args);
    if (n < 0)
        b->failed = true;
    else if (buf_reserve(b, (size_t)n)) {
        if ((size_t)n >= room)
            vsnprintf(b->data + b->len, (size_t)n + 1, format, again);
        b->len += (size_t)n;
    } else if (b->data)
        b->data[b->len] = 0;
    va_end(again);
}

void buf_trim_end(struct buf *b, size_t n)
{
    b->len -= n < b->len ? n : b->len;
    if (b->data)
        b->data[b->len] = 0;
}

const char *buf_str(const struct buf *b)
{
    return b->data ? b->data : "";
}

static void put_escape(struct buf *b, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    switch (c) {
    case '"':
    case '\\':
        buf_put(b, (char[]){'\\', (char)c}, 2);
        break;
    case '\n':
        buf_put(b, "\\n", 2);
        break;
    case '\r':
        buf_put(b, "\\r", 2);
        break;
    case '\t':
        buf_put(b, "\\t", 2);
        break;
    default:
        buf_put(b, (char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
    }
}

void buf_json_string(struct buf *b, const char *s, size_t n)
{
    buf_putc(b, '"');
    while (buf_reserve(b, n + 1)) { /* with the last quote */
        size_t plain = eight_copy_plain_json(b->data + b->len, s, n);
        b->len += plain;
        b->data[b->len] = 0; /* the escape may not fit any more */
        if (plain == n)
            break;
        put_escape(b, (unsigned char)s[plain]);
        s += plain + 1;
        n -= plain + 1;
    }
    buf_putc(b, '"');
}
