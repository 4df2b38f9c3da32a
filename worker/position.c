#include "worker/position.h"

#include "lib/buf.h"
#include "worker/document.h"
#include "worker/json_read.h"

enum { LONGEST = 1 << 20 };

void position_parse(struct position *p, struct arena *a, const char *of, const char *text)
{
    struct json_mistake mistake;
    const struct document d = {.json = text ? json_read(text, strlen(text), a, &mistake) : NULL};
    const char *whose = document_text(&d, a, "/of");
    *p = (struct position){.of = of};
    if (!whose || strcmp(whose, of) != 0)
        return;
    p->at = document_text(&d, a, "/at");
    p->sha256 = document_text(&d, a, "/part/sha256");
    p->offset = (uint64_t)document_integer(&d, a, "/part/offset");
    p->records = document_integer(&d, a, "/part/records");
}

const char *position_text(const struct position *p, struct arena *a)
{
    struct buf b;
    buf_init(&b, LONGEST);
    buf_puts(&b, "{\"of\":");
    buf_json_string(&b, p->of, strlen(p->of));
    buf_printf(&b, ",\"at\":%s", p->at ? p->at : "null");
    if (p->sha256)
        buf_printf(&b, ",\"part\":{\"sha256\":\"%s\",\"offset\":%llu,\"records\":%lld}", p->sha256,
                   (unsigned long long)p->offset, p->records);
    buf_putc(&b, '}');
    const char *text = arena_memdup(a, buf_str(&b), b.len);
    buf_release(&b);
    return text;
}
