#include "fcgi-app/document.h"

void documents_init(struct documents *d, const struct contract_set *lock, enum openapi_access access)
{
    *d = (struct documents){.lock = lock, .access = access, .n = 1};
    arena_init(&d->arena);
    for (int v = contract_next_version(lock, 0); v; v = contract_next_version(lock, v))
        d->n++;
    d->list = arena_array(&d->arena, d->n, sizeof *d->list);
    int version = 0;
    for (size_t i = 0; i < d->n; i++, version = contract_next_version(lock, version))
        d->list[i].version = version;
}

void documents_release(struct documents *d)
{
    arena_release(&d->arena);
}

static void make(struct documents *d, struct document *document)
{
    struct buf text;
    buf_init(&text, SIZE_MAX / 2);
    if (openapi_print(d->lock, document->version, d->access, &text) == 0) {
        document->text = arena_memdup(&d->arena, text.data, text.len);
        document->length = text.len;
    }
    buf_release(&text);
}

const struct document *document_find(struct documents *d, int version)
{
    for (size_t i = 0; i < d->n; i++) {
        if (d->list[i].version != version)
            continue;
        if (!d->list[i].text)
            make(d, &d->list[i]);
        return &d->list[i];
    }
    return NULL;
}
