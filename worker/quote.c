#include "worker/quote.h"

#include <string.h>

void quote_identifier(struct buf *b, const char *name)
{
    buf_putc(b, '"');
    for (; *name; name++) {
        if (*name == '"')
            buf_putc(b, '"');
        buf_putc(b, *name);
    }
    buf_putc(b, '"');
}

const char *quote_name(struct arena *a, const char *name)
{
    struct buf b;
    buf_init(&b, 2 * strlen(name) + 3); /* every letter a quote, those around it, and the end */
    quote_identifier(&b, name);
    const char *quoted = arena_strdup(a, buf_str(&b));
    buf_release(&b);
    return quoted;
}

void quote_string(struct buf *b, const char *s)
{
    buf_puts(b, "E'");
    for (; *s; s++) {
        if (*s == '\'' || *s == '\\')
            buf_putc(b, *s);
        buf_putc(b, *s);
    }
    buf_putc(b, '\'');
}
