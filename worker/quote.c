#include "worker/quote.h"

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
