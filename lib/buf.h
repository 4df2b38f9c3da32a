/*
 * A growing run of bytes that has a maximum from birth and remembers failure: a chain of appends needs one look at
 * `failed` at its end. Once failed, further appends do nothing until buf_reset().
 *
 * Invariant: data is NULL or holds len bytes and a NUL behind them; len <= max.
 */
#ifndef ORIEL_BUF_H
#define ORIEL_BUF_H

#include <string.h>

#include "lib/base.h"

struct buf {
    char *data;
    size_t len, size, max;
    bool failed; /* an append would have gone beyond max; what is in data stops before it */
};

void buf_init(struct buf *b, size_t max); /* allocates nothing */
void buf_release(struct buf *b);
void buf_reset(struct buf *b); /* empties it, forgets failure, keeps the memory */
/* Gets memory for n more bytes and the NUL; false, and failed set, when that would go beyond the maximum. */
bool buf_grow(struct buf *b, size_t n);
void buf_put_integer(struct buf *b, long long n); /* in decimal */
void buf_printf(struct buf *b, const char *format, ...) printf_like(2, 3);
void buf_trim_end(struct buf *b, size_t n); /* takes n bytes off the end */
const char *buf_str(const struct buf *b);   /* NUL-terminated; "" when empty; valid until the next append */

/* What is called for each piece of an answer is here, to be compiled into its callers. */

/* As buf_grow(); mostly the memory is there. It never goes beyond the maximum. */
static inline bool buf_reserve(struct buf *b, size_t n)
{
    return (b->size - b->len > n && !b->failed) || buf_grow(b, n);
}

static inline void buf_put(struct buf *b, const void *p, size_t n)
{
    if (!buf_reserve(b, n))
        return;
    if (n)
        memcpy(b->data + b->len, p, n);
    b->len += n;
    b->data[b->len] = 0;
}

static inline void buf_puts(struct buf *b, const char *s)
{
    buf_put(b, s, strlen(s));
}

static inline void buf_putc(struct buf *b, char c)
{
    if (!buf_reserve(b, 1))
        return;
    b->data[b->len++] = c;
    b->data[b->len] = 0;
}

/* Appends s as a JSON string with its quotes (RFC 8259, section 7). The bytes are taken as UTF-8 and not checked. */
void buf_json_string(struct buf *b, const char *s, size_t n);

#endif
