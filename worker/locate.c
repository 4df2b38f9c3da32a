#include "worker/locate.h"

#include "worker/json_read.h"

struct text {
    const char *s;
    size_t n;
};

static char letter(const struct text *t, size_t i)
{
    return i < t->n ? t->s[i] : 0;
}

static bool locate_in_json(const struct text *t, const char *from, struct arena *a, struct span *out)
{
    struct json_mistake mistake;
    struct json *json = json_read(t->s, t->n, a, &mistake);
    const struct json_node *node = json ? document_node(json, from, a) : NULL;
    if (!node)
        return false;
    bool quoted = node->kind == JSON_STRING;
    *out = (struct span){node->at - quoted, node->len + 2 * (size_t)quoted};
    return true;
}

/* ---- CSV ---- */

static size_t skip_cell(const struct format *f, const struct text *t, size_t i)
{
    if (f->quote_char && letter(t, i) == f->quote_char)
        for (i++; i < t->n; i++) {
            if (t->s[i] != f->quote_char)
                continue;
            if (letter(t, i + 1) != f->quote_char)
                break;
            i++;
        }
    const char *end = i < t->n ? memchr(t->s + i, f->delimiter, t->n - i) : NULL;
    return end ? (size_t)(end - t->s) : t->n;
}

bool locate_value(const struct format *f, const struct header *header, const char *text, size_t n, const char *from,
                  struct arena *a, struct span *out)
{
    const struct text t = {text, n};
    if (f->kind != FORMAT_CSV)
        return locate_in_json(&t, from, a, out);
    const struct header bare = {.n = SIZE_MAX};
    size_t column = document_column(header ? header : &bare, a, from), i = 0, end = skip_cell(f, &t, 0);
    for (; column && end < n; column--) {
        i = end + 1;
        end = skip_cell(f, &t, i);
    }
    *out = (struct span){i, end - i};
    return column == 0;
}
