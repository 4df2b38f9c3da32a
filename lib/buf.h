/*
 * A growing run of bytes that has a maximum from birth and remembers failure: a chain of appends needs one look at
 * `failed` at its end. Once failed, further appends do nothing until buf_reset().
 *
 * Invariant: data is NULL or holds len bytes and a NUL behind them; len <= max.
 */
#ifndef ORIEL_BUF_H
#define ORIEL_BUF_H

#include "lib/base.h"

struct buf {
    char *data;
    size_t len, size, max;
    bool failed; /* an append would have gone beyond max; what is in data stops before it */
};

void buf_init(struct buf *b, size_t max); /* allocates nothing */
void buf_release(struct buf *b);
void buf_reset(struct buf *b); /* empties it, forgets failure, keeps the memory */
void buf_put(struct buf *b, const void *p, size_t n);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *format, ...) printf_like(2, 3);
void buf_trim_end(struct buf *b, size_t n); /* takes n bytes off the end */
const char *buf_str(const struct buf *b);   /* NUL-terminated; "" when empty; valid until the next append */

/* Appends s as a JSON string with its quotes (RFC 8259, section 7). The bytes are taken as UTF-8 and not checked. */
void buf_json_string(struct buf *b, const char *s, size_t n);

#endif
