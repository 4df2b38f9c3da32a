#include "worker/document.h"

#include <ctype.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/text.h"

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

/* One step into an object or an array; false when there is no such place. */
static bool enter(json_object **at, const char *step)
{
    long long index;
    if (json_object_is_type(*at, json_type_object))
        return json_object_object_get_ex(*at, step, at);
    if (!json_object_is_type(*at, json_type_array) || (step[0] == '0' && step[1]) ||
        text_integer(step, 0, (long long)json_object_array_length(*at) - 1, &index) < 0)
        return false;
    *at = json_object_array_get_idx(*at, (size_t)index);
    return true;
}

/* Follows a pointer's steps. */
static bool follow(json_object **at, struct arena *a, const char *pointer)
{
    if (!strpbrk(pointer + 1, "/~")) /* the usual case: one step, as it stands */
        return enter(at, pointer + 1);
    char *step = arena_strdup(a, pointer + 1);
    for (char *next; step; step = next) {
        next = strchr(step, '/');
        if (next)
            *next++ = 0;
        document_unescape_step(step);
        if (!enter(at, step))
            return false;
    }
    return true;
}

/* A number's literal. The mark of a long integer is taken off. */
static struct value number_value(json_object *json, struct arena *a)
{
    const char *s = json_object_get_string(json);
    size_t n = strlen(s), mark = strlen(LONG_INTEGER_MARK);
    size_t digits = strspn(s + (*s == '-'), "0123456789");
    if (digits >= LONG_INTEGER_DIGITS && strcmp(s + (*s == '-') + digits, LONG_INTEGER_MARK) == 0) {
        n -= mark;
        s = arena_memdup(a, s, n);
    }
    return (struct value){VALUE_NUMBER, s, n};
}

static struct value json_text(json_object *json, struct arena *a);

struct value document_value(json_object *json, struct arena *a)
{
    switch (json_object_get_type(json)) {
    case json_type_null:
        return (struct value){.kind = VALUE_NULL};
    case json_type_boolean:
        return json_object_get_boolean(json) ? (struct value){VALUE_BOOLEAN, "true", 4}
                                             : (struct value){VALUE_BOOLEAN, "false", 5};
    case json_type_int:
    case json_type_double:
        return number_value(json, a);
    case json_type_string:
        return (struct value){VALUE_STRING, json_object_get_string(json), (size_t)json_object_get_string_len(json)};
    case json_type_object:
    case json_type_array:
        return json_text(json, a);
    }
    return absent;
}

struct value document_find(const struct document *d, struct arena *a, const char *from)
{
    if (!d->json)
        return d->header ? find_cell(d, a, from) : absent;
    json_object *at = d->json;
    bool found = *from == '/' ? follow(&at, a, from) : enter(&at, from);
    return found ? document_value(at, a) : absent;
}

static void put_json(struct buf *b, struct arena *a, json_object *json);

static void put_members(struct buf *b, struct arena *a, json_object *object)
{
    const char *separator = "";
    json_object_object_foreach(object, key, member)
    {
        buf_puts(b, separator);
        buf_json_string(b, key, strlen(key));
        buf_putc(b, ':');
        put_json(b, a, member);
        separator = ",";
    }
}

/* The depth is bounded by the parser's. */
static void put_json(struct buf *b, struct arena *a, json_object *json)
{
    if (json_object_is_type(json, json_type_object)) {
        buf_putc(b, '{');
        put_members(b, a, json);
        buf_putc(b, '}');
    } else if (json_object_is_type(json, json_type_array)) {
        buf_putc(b, '[');
        for (size_t i = 0; i < json_object_array_length(json); i++) {
            if (i)
                buf_putc(b, ',');
            put_json(b, a, json_object_array_get_idx(json, i));
        }
        buf_putc(b, ']');
    } else {
        struct value v = document_value(json, a);
        if (v.kind == VALUE_STRING)
            buf_json_string(b, v.text, v.len);
        else if (v.kind == VALUE_NULL)
            buf_puts(b, "null");
        else
            buf_put(b, v.text, v.len);
    }
}

/* The JSON text of an object or array, with numbers as the document wrote them. */
static struct value json_text(json_object *json, struct arena *a)
{
    struct buf b;
    buf_init(&b, SIZE_MAX / 4); /* what was parsed was bounded; escapes make it at most six times as long */
    put_json(&b, a, json);
    enum value_kind kind = json_object_is_type(json, json_type_array) ? VALUE_ARRAY : VALUE_OBJECT;
    struct value v = {kind, arena_memdup(a, buf_str(&b), b.len), b.len};
    buf_release(&b);
    return v;
}
