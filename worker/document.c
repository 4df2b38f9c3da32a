#include "worker/document.h"

#include "lib/text.h"
#include "worker/json_read.h"

static const struct value absent = {.kind = VALUE_ABSENT};

/* qsort_r's order: by name, then by place, so that the first of equal names is found. */
static int by_name(const void *x, const void *y, void *names)
{
    uint32_t i = *(const uint32_t *)x, j = *(const uint32_t *)y;
    int order = strcmp(((const char *const *)names)[i], ((const char *const *)names)[j]);
    return order ? order : (i > j) - (i < j);
}

const struct header *header_make(struct arena *a, const char *const *names, size_t n)
{
    struct header *h = arena_alloc(a, sizeof *h);
    const char **own = arena_array(a, n, sizeof *own);
    uint32_t *order = arena_array(a, n, sizeof *order);
    for (size_t i = 0; i < n; i++) {
        own[i] = names[i];
        order[i] = (uint32_t)i;
    }
    qsort_r(order, n, sizeof *order, by_name, own);
    *h = (struct header){own, n, order};
    return h;
}

/* The column of that name; h->n when there is none. */
static size_t column_by_name(const struct header *h, const char *name)
{
    size_t low = 0, high = h->names ? h->n : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(h->names[h->by_name[middle]], name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (!h->names || low == h->n || strcmp(h->names[h->by_name[low]], name) != 0)
        return h->n;
    return h->by_name[low];
}

void document_unescape_step(char *s)
{
    char *out = s;
    for (; *s; s++) {
        if (*s == '~' && (s[1] == '0' || s[1] == '1'))
            *out++ = *++s == '1' ? '/' : '~';
        else
            *out++ = *s;
    }
    *out = 0;
}

size_t document_column(const struct header *h, struct arena *a, const char *from)
{
    long long number;
    if (*from == '#' && text_integer(from + 1, 1, UINT32_MAX, &number) == 0)
        return (size_t)number - 1 < h->n ? (size_t)number - 1 : h->n;
    if (*from != '/')
        return column_by_name(h, from);
    if (!strpbrk(from + 1, "/~"))
        return column_by_name(h, from + 1);
    if (strchr(from + 1, '/'))
        return h->n;
    char *name = arena_strdup(a, from + 1);
    document_unescape_step(name);
    return column_by_name(h, name);
}

static struct value find_cell(const struct document *d, struct arena *a, const char *from)
{
    size_t i = document_column(d->header, a, from);
    return i < d->header->n ? d->cells[i] : absent;
}

/* One step into an object or an array; NULL when there is no such place. */
static const struct json_node *enter(struct json *json, const struct json_node *at, const char *step, size_t n,
                                     struct arena *a)
{
    if (at->kind == JSON_ARRAY)
        return json_element(at, step, n);
    if (at->kind != JSON_OBJECT)
        return NULL;
    bool whole = at == json->nodes;
    const struct json_node *key = json_find_key(json, at, whole ? json->near : json_first(at), step, n, a);
    if (key && whole)
        json->near = json_next_key(key); /* fields are mostly asked for in the order of the text */
    return key ? key + 1 : NULL;
}

const struct json_node *document_node(struct json *json, const char *from, struct arena *a)
{
    const struct json_node *at = json->nodes;
    if (*from != '/')
        return enter(json, at, from, strlen(from), a);
    for (const char *pointer = from, *end; at && *pointer; pointer = end) {
        const char *step = pointer + 1;
        end = strchrnul(step, '/');
        size_t n = (size_t)(end - step);
        if (memchr(step, '~', n)) {
            char *key = arena_memdup(a, step, n);
            document_unescape_step(key);
            step = key;
            n = strlen(key);
        }
        at = enter(json, at, step, n, a);
    }
    return at;
}

/* The JSON text of an object or array, with numbers as the document wrote them. */
static struct value json_value(const struct json *json, const struct json_node *node, struct arena *a)
{
    struct buf b;
    buf_init(&b, SIZE_MAX / 4); /* what was parsed was bounded; escapes make it at most six times as long */
    json_put(&b, json, node);
    enum value_kind kind = node->kind == JSON_ARRAY ? VALUE_ARRAY : VALUE_OBJECT;
    struct value v = {kind, arena_memdup(a, buf_str(&b), b.len), b.len};
    buf_release(&b);
    return v;
}

struct value document_value(const struct json *json, const struct json_node *node, struct arena *a)
{
    struct value v = absent;
    switch ((enum json_kind)node->kind) {
    case JSON_NULL:
        return (struct value){.kind = VALUE_NULL};
    case JSON_TRUE:
        return (struct value){VALUE_BOOLEAN, "true", 4};
    case JSON_FALSE:
        return (struct value){VALUE_BOOLEAN, "false", 5};
    case JSON_NUMBER:
        return (struct value){VALUE_NUMBER, json->text + node->at, node->len};
    case JSON_STRING:
        v.kind = VALUE_STRING;
        v.text = json_decode(json, node, a, &v.len);
        return v;
    case JSON_OBJECT:
    case JSON_ARRAY:
        return json_value(json, node, a);
    }
    return v;
}

struct value document_find(const struct document *d, struct arena *a, const char *from)
{
    if (!d->json)
        return d->header ? find_cell(d, a, from) : absent;
    const struct json_node *node = document_node(d->json, from, a);
    return node ? document_value(d->json, node, a) : absent;
}

const char *document_text(const struct document *d, struct arena *a, const char *from)
{
    struct value v = document_find(d, a, from);
    return v.text ? arena_memdup(a, v.text, v.len) : NULL;
}

long long document_integer(const struct document *d, struct arena *a, const char *from)
{
    long long n;
    const char *text = document_text(d, a, from);
    return text && text_integer(text, INT64_MIN, INT64_MAX, &n) == 0 ? n : 0;
}
