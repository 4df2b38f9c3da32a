#include "worker/locate.h"

#include <json-c/json.h>

#include "lib/text.h"

struct text {
    const char *s;
    size_t n;
};

static char letter(const struct text *t, size_t i)
{
    return i < t->n ? t->s[i] : 0;
}

static size_t skip_space(const struct text *t, size_t i)
{
    while (letter(t, i) && strchr(" \t\r\n", t->s[i]))
        i++;
    return i < t->n ? i : t->n;
}

/* Behind the string that begins at i. */
static size_t skip_string(const struct text *t, size_t i)
{
    for (i++; i < t->n && t->s[i] != '"'; i++)
        i += t->s[i] == '\\';
    return i < t->n ? i + 1 : t->n;
}

/* Behind the value that begins at i. */
static size_t skip_value(const struct text *t, size_t i)
{
    size_t depth = 0;
    do {
        char c = letter(t, i);
        if (c == '"') {
            i = skip_string(t, i);
            continue;
        }
        if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && depth)
            depth--;
        else if (!depth)
            return i + strcspn(t->s + i, ",}] \t\r\n"); /* the text's NUL ends it too */
        i++;
    } while (i < t->n && depth);
    return i;
}

static bool is_key(const struct text *t, size_t at, size_t end, const char *step)
{
    size_t n = strlen(step);
    if (!memchr(t->s + at, '\\', end - at))
        return end - at == n + 2 && memcmp(t->s + at + 1, step, n) == 0;
    json_tokener *tok = json_tokener_new();
    json_object *key = tok ? json_tokener_parse_ex(tok, t->s + at, (int)(end - at)) : NULL;
    bool same = json_object_is_type(key, json_type_string) && strcmp(json_object_get_string(key), step) == 0;
    json_object_put(key);
    json_tokener_free(tok);
    return same;
}

/* Of a key that stands twice, the last is meant, as document_find() has it. */
static bool enter_object(const struct text *t, size_t i, const char *step, struct span *out)
{
    bool found = false;
    while (letter(t, i = skip_space(t, i + 1)) == '"') {
        size_t end = skip_string(t, i), value = skip_space(t, skip_space(t, end) + 1), behind = skip_value(t, value);
        if (is_key(t, i, end, step)) {
            *out = (struct span){value, behind - value};
            found = true;
        }
        i = skip_space(t, behind);
    }
    return found;
}

static bool enter_array(const struct text *t, size_t i, const char *step, struct span *out)
{
    long long index;
    if (text_integer(step, 0, INT32_MAX, &index) < 0)
        return false;
    for (i = skip_space(t, i + 1); i < t->n && t->s[i] != ']'; i = skip_space(t, i + 1), index--) {
        size_t behind = skip_value(t, i);
        if (index == 0) {
            *out = (struct span){i, behind - i};
            return true;
        }
        i = skip_space(t, behind);
        if (letter(t, i) != ',')
            return false;
    }
    return false;
}

static bool enter(const struct text *t, struct span *at, const char *step)
{
    char c = letter(t, at->at);
    return c == '{' ? enter_object(t, at->at, step, at) : c == '[' && enter_array(t, at->at, step, at);
}

static bool locate_in_json(const struct text *t, const char *from, struct arena *a, struct span *out)
{
    out->at = skip_space(t, 0);
    if (*from != '/')
        return enter(t, out, from);
    bool found = true;
    for (char *step = arena_strdup(a, from + 1), *next; found && step; step = next) {
        next = strchr(step, '/');
        if (next)
            *next++ = 0;
        document_unescape_step(step);
        found = enter(t, out, step);
    }
    return found;
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
