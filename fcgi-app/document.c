#include "fcgi-app/document.h"

static void make(struct document *document, struct arena *a, const struct contract_set *lock, int version,
                 enum openapi_access access)
{
    struct buf text;
    buf_init(&text, SIZE_MAX / 2);
    *document = (struct document){.version = version};
    if (openapi_print(lock, version, access, &text) == 0) {
        document->text = arena_memdup(a, text.data, text.len);
        document->length = text.len;
    }
    buf_release(&text);
}

void documents_make(struct documents *d, struct arena *a, const struct contract_set *lock, enum openapi_access access)
{
    size_t n = 1;
    for (int v = contract_next_version(lock, 0); v; v = contract_next_version(lock, v))
        n++;
    struct document *list = arena_array(a, n, sizeof *list);
    int version = 0;
    for (size_t i = 0; i < n; i++, version = contract_next_version(lock, version))
        make(&list[i], a, lock, version, access);
    *d = (struct documents){.list = list, .n = n};
}

const struct document *document_find(const struct documents *d, int version)
{
    for (size_t i = 0; i < d->n; i++)
        if (d->list[i].version == version)
            return &d->list[i];
    return NULL;
}
