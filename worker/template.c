#include "worker/template.h"

#include <string.h>

void template_expand(struct buf *b, const char *template, template_put *put, const void *context)
{
    for (const char *open; (open = strstr(template, "${")); template = strchr(open, '}') + 1) {
        const char *name = open + 2;
        size_t n = (size_t)(strchr(open, '}') - name);
        buf_put(b, template, (size_t)(open - template));
        if (!put(context, b, name, n))
            b->failed = true;
    }
    buf_puts(b, template);
}

bool template_is(const char *name, size_t n, const char *what)
{
    return strlen(what) == n && memcmp(name, what, n) == 0;
}
