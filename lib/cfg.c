#include "lib/cfg.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/text.h"

enum { LARGEST_FILE = 64 << 20, DEEPEST = 64 };

struct cfg_file {
    struct arena *arena;
    const char *path;
    const char *text;
    size_t length;
    int errors;
};

/*
 * Where things stand. json-c does not keep positions, so a mistake's place is found by walking the text again, which is
 * known to be valid JSON by then. Only mistakes pay for it.
 */
static const char *skip_space(const char *p)
{
    return p + strspn(p, " \t\r\n");
}

static const char *skip_string(const char *p)
{
    for (p++; *p && *p != '"'; p++)
        if (*p == '\\' && p[1])
            p++;
    return *p ? p + 1 : p;
}

static const char *skip_value(const char *p)
{
    int depth = 0;
    for (p = skip_space(p); *p;) {
        if (*p == '"')
            p = skip_string(p);
        else if (*p == '{' || *p == '[')
            depth++, p++;
        else if (*p == '}' || *p == ']') {
            if (depth-- == 0)
                return p;
            p++;
        } else if (depth == 0 && *p == ',')
            return p;
        else
            p += strcspn(p, "\"{}[],") ? strcspn(p, "\"{}[],") : 1;
    }
    return p;
}

/* Among the members from p to the end of their object, the one of that name: its key, and its value in *value. */
static const char *find_member_after(const char *p, const char *key, const char **value)
{
    for (p = skip_space(p); *p == '"';) {
        const char *name = p, *end = skip_string(p);
        const char *v = skip_space(end);
        v = skip_space(*v == ':' ? v + 1 : v);
        /* keys of these files need no escapes; one written with them is only found at its object's line */
        if ((size_t)(end - name) == strlen(key) + 2 && memcmp(name + 1, key, strlen(key)) == 0) {
            *value = v;
            return name;
        }
        p = skip_space(skip_value(v));
        if (*p == ',')
            p = skip_space(p + 1);
    }
    return NULL;
}

static const char *find_element(const char *p, size_t index)
{
    if (*p != '[')
        return NULL;
    for (p = skip_space(p + 1); index; index--) {
        p = skip_value(p);
        if (*p != ',')
            return NULL;
        p = skip_space(p + 1);
    }
    return p;
}

static const char *find_member(const char *p, const char *key, const char **value)
{
    return *p == '{' ? find_member_after(p + 1, key, value) : NULL;
}

/* Where c's value begins in the text; for a member also where its key does. The nearest place that exists. */
static const char *position(const struct cfg *c, const char **key)
{
    if (!c->parent)
        return *key = skip_space(c->file->text);
    const char *outer = position(c->parent, key), *value = outer;
    if (c->key) {
        const char *name = find_member(outer, c->key, &value);
        *key = name ? name : *key;
    } else if ((value = find_element(outer, c->index)))
        *key = value;
    return value ? value : outer;
}

static int line_of(const struct cfg_file *f, const char *at)
{
    int line = 1;
    for (const char *p = f->text; p < at; p++)
        line += *p == '\n';
    return line;
}

int cfg_line(const struct cfg *c)
{
    const char *key;
    position(c, &key);
    return line_of(c->file, key);
}

static void put_place(struct buf *b, const struct cfg *c)
{
    if (!c->parent)
        return;
    put_place(b, c->parent);
    if (c->key)
        buf_printf(b, "%s%s", b->len ? "." : "", c->key);
    else
        buf_printf(b, "[%zu]", c->index);
}

void cfg_error(const struct cfg *c, const char *format, ...)
{
    struct buf place;
    va_list args;
    char message[2048];
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    buf_init(&place, 4096);
    put_place(&place, c);
    log_error("%s:%d: %s%s%s", c->file->path, cfg_line(c), buf_str(&place), place.len ? ": " : "", message);
    buf_release(&place);
    c->file->errors++;
}

bool cfg_failed(const struct cfg *c)
{
    return c->file->errors > 0;
}

const char *cfg_path(const struct cfg *c)
{
    return c->file->path;
}

const char *cfg_text(const struct cfg *c, size_t *n)
{
    *n = c->file->length;
    return c->file->text;
}

const char *cfg_resolve(const struct cfg *c, const char *path)
{
    const char *slash = strrchr(c->file->path, '/');
    if (path[0] == '/' || !slash)
        return path;
    return arena_printf(c->file->arena, "%.*s/%s", (int)(slash - c->file->path), c->file->path, path);
}

static struct cfg *node(const struct cfg *parent, const char *key, size_t index, json_object *value, bool present)
{
    struct cfg *c = arena_alloc(parent->file->arena, sizeof *c);
    *c = (struct cfg){parent->file, value, parent, key, index, present};
    return c;
}

/* Tells which key of the object at p occurs twice. */
static void tell_repeat(struct cfg_file *f, const char *p)
{
    for (p = skip_space(p + 1); *p == '"';) {
        const char *name = p, *end = skip_string(p), *value;
        p = skip_space(skip_value(skip_space(end) + 1));
        p = *p == ',' ? skip_space(p + 1) : p;
        const char *key = arena_memdup(f->arena, name + 1, (size_t)(end - name) - 2);
        if (find_member_after(p, key, &value)) {
            log_error("%s:%d: the key \"%s\" is given twice in one object; one of them would be ignored", f->path,
                      line_of(f, name), key);
            f->errors++;
        }
    }
}

/*
 * A key given twice in one object: json-c keeps the last in silence. One pass over the text beside the parsed value
 * finds the objects that have more members than json-c kept. Returns the end of the value at p.
 */
static const char *check_repeats(struct cfg_file *f, const char *p, json_object *value)
{
    /* beside a repeated key the kept value may be of another type than the text here */
    if (*p == '[' && json_object_is_type(value, json_type_array)) {
        size_t i = 0;
        for (p = skip_space(p + 1); *p != ']'; p = skip_space(*p == ',' ? p + 1 : p))
            p = skip_space(check_repeats(f, p, json_object_array_get_idx(value, i++)));
        return p + 1;
    }
    if (*p != '{' || !json_object_is_type(value, json_type_object))
        return skip_value(p);
    const char *object = p;
    int members = 0;
    for (p = skip_space(p + 1); *p == '"'; p = skip_space(*p == ',' ? p + 1 : p), members++) {
        const char *end = skip_string(p);
        const char *name = arena_memdup(f->arena, p + 1, (size_t)(end - p) - 2);
        json_object *member = NULL;
        json_object_object_get_ex(value, name, &member);
        p = skip_space(skip_space(end) + 1);
        p = skip_space(member ? check_repeats(f, p, member) : skip_value(p));
    }
    if (members != json_object_object_length(value))
        tell_repeat(f, object);
    return p + 1;
}

/* json-c takes NaN and Infinity for numbers, which JSON does not have (RFC 8259, section 6). Nothing else outside of
 * strings has a capital but an exponent. */
static const char *find_no_number(const char *p)
{
    while (*p && *p != 'N' && *p != 'I')
        p = *p == '"' ? skip_string(p) : p + 1;
    return *p ? p : NULL;
}

static json_object *parse_json(struct cfg_file *f)
{
    json_tokener *tok = json_tokener_new_ex(DEEPEST);
    if (!tok)
        return NULL;
    json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    /* the NUL belongs to what is parsed: it ends a number that stands at the very end */
    json_object *root = json_tokener_parse_ex(tok, f->text, (int)f->length + 1);
    enum json_tokener_error error = json_tokener_get_error(tok);
    size_t end = json_tokener_get_parse_end(tok);
    json_tokener_free(tok);
    const char *at = f->text + (end < f->length ? end : f->length), *why = json_tokener_error_desc(error);
    const char *no_number = root ? find_no_number(f->text) : NULL;
    if (root && !no_number)
        return root;
    if (no_number) {
        at = no_number;
        why = "NaN and Infinity are no numbers of JSON";
    } else if (error == json_tokener_success) /* a bare null is nothing that Oriel reads */
        why = "an object was expected";
    const char *start = at;
    while (start > f->text && start[-1] != '\n')
        start--;
    bool conflict = strncmp(start, "<<<<<<<", 7) == 0 || strncmp(start, "=======", 7) == 0;
    log_error("%s:%d: not valid JSON: %s%s", f->path, line_of(f, at), why,
              conflict ? "; this is the mark of an unresolved merge: settle it, then try again" : "");
    f->errors++;
    if (root)
        json_object_put(root);
    return NULL;
}

static void put_json(void *object)
{
    json_object_put(object);
}

const struct cfg *cfg_parse(struct arena *a, const char *name, const char *text, size_t n)
{
    struct cfg_file *f = arena_alloc(a, sizeof *f);
    *f = (struct cfg_file){.arena = a, .path = arena_strdup(a, name), .text = arena_memdup(a, text, n), .length = n};
    if (strlen(f->text) != n) {
        log_error("%s: holds a NUL byte, so it is not JSON", name);
        return NULL;
    }
    json_object *root = parse_json(f);
    if (!root)
        return NULL;
    arena_hook(a, put_json, root);
    struct cfg *c = arena_alloc(a, sizeof *c);
    *c = (struct cfg){.file = f, .value = root, .present = true};
    check_repeats(f, skip_space(f->text), root);
    return c;
}

const struct cfg *cfg_open(struct arena *a, const char *path)
{
    struct buf text;
    buf_init(&text, LARGEST_FILE);
    const struct cfg *root = file_read(&text, path, NULL) < 0 ? NULL : cfg_parse(a, path, buf_str(&text), text.len);
    buf_release(&text);
    return root;
}

void cfg_keys(const struct cfg *c, const char *const known[])
{
    if (!json_object_is_type(c->value, json_type_object)) {
        cfg_error(c, "an object was expected");
        return;
    }
    json_object_object_foreach(c->value, name, member)
    {
        const char *const *k = known;
        (void)member;
        while (*k && strcmp(*k, name) != 0)
            k++;
        if (*k)
            continue;
        const char *near = text_nearest(name, known);
        struct buf all;
        buf_init(&all, 4096);
        for (k = known; *k; k++)
            buf_printf(&all, "%s%s", k == known ? "" : ", ", *k);
        if (near)
            cfg_error(cfg_get(c, name), "unknown key; did you mean \"%s\"?", near);
        else
            cfg_error(cfg_get(c, name), "unknown key; known here: %s", buf_str(&all));
        buf_release(&all);
    }
}

const struct cfg *cfg_get(const struct cfg *c, const char *key)
{
    json_object *value = NULL;
    bool present = json_object_is_type(c->value, json_type_object) && json_object_object_get_ex(c->value, key, &value);
    return node(c, arena_strdup(c->file->arena, key), 0, value, present);
}

size_t cfg_length(const struct cfg *c)
{
    if (!c->value)
        return 0;
    if (json_object_is_type(c->value, json_type_array))
        return json_object_array_length(c->value);
    cfg_error(c, "a list was expected");
    return 0;
}

const struct cfg *cfg_at(const struct cfg *c, size_t i)
{
    return node(c, NULL, i, json_object_array_get_idx(c->value, i), true);
}

void cfg_each(const struct cfg *c, void (*each)(const struct cfg *, void *), void *context)
{
    if (!c->value)
        return;
    if (!json_object_is_type(c->value, json_type_object)) {
        cfg_error(c, "an object was expected");
        return;
    }
    json_object_object_foreach(c->value, name, member) each(node(c, name, 0, member, true), context);
}

const char *cfg_value_string(const struct cfg *c)
{
    if (!json_object_is_type(c->value, json_type_string)) {
        cfg_error(c, "a string was expected");
        return "";
    }
    const char *s = json_object_get_string(c->value);
    if (strlen(s) == (size_t)json_object_get_string_len(c->value))
        return s;
    cfg_error(c, "a string without \\u0000 was expected");
    return "";
}

const char *cfg_string(const struct cfg *c, const char *key, const char *fallback)
{
    const struct cfg *v = cfg_get(c, key);
    return v->value ? cfg_value_string(v) : fallback;
}

const char *cfg_need_string(const struct cfg *c, const char *key)
{
    const struct cfg *v = cfg_get(c, key);
    if (!v->value) {
        cfg_error(c, "the key \"%s\" is missing; a string is expected", key);
        return "";
    }
    const char *s = cfg_value_string(v);
    if (!*s && json_object_is_type(v->value, json_type_string))
        cfg_error(v, "must not be empty");
    return s;
}

long long cfg_integer(const struct cfg *c, const char *key, long long fallback, long long min, long long max)
{
    const struct cfg *v = cfg_get(c, key);
    if (!v->value)
        return fallback;
    long long n = json_object_get_int64(v->value);
    if (json_object_is_type(v->value, json_type_int) && n >= min && n <= max)
        return n;
    cfg_error(v, "a whole number from %lld to %lld was expected", min, max);
    return fallback;
}

bool cfg_bool(const struct cfg *c, const char *key, bool fallback)
{
    const struct cfg *v = cfg_get(c, key);
    if (!v->value)
        return fallback;
    if (json_object_is_type(v->value, json_type_boolean))
        return json_object_get_boolean(v->value);
    cfg_error(v, "true or false was expected");
    return fallback;
}

long long cfg_duration_ms(const struct cfg *c, const char *key, const char *fallback)
{
    const struct cfg *v = cfg_get(c, key);
    if (v->value) {
        long long ms =
            json_object_is_type(v->value, json_type_string) ? text_duration_ms(json_object_get_string(v->value)) : -1;
        if (ms >= 0)
            return ms;
        cfg_error(v, "a duration such as \"250ms\", \"5s\", \"10min\", \"2h\" or \"1d\" was expected");
    }
    return text_duration_ms(fallback);
}

int cfg_choice(const struct cfg *c, const char *key, const char *const names[], int fallback)
{
    const struct cfg *v = cfg_get(c, key);
    if (!v->value && fallback >= 0)
        return fallback;
    const char *s = json_object_is_type(v->value, json_type_string) ? json_object_get_string(v->value) : "";
    for (int i = 0; names[i]; i++)
        if (strcmp(names[i], s) == 0)
            return i;
    struct buf all;
    buf_init(&all, 4096);
    for (int i = 0; names[i]; i++)
        buf_printf(&all, "%s%s", i ? ", " : "", names[i]);
    const char *near = *s ? text_nearest(s, names) : NULL;
    if (!v->present)
        cfg_error(c, "the key \"%s\" is missing; one of %s is expected", key, buf_str(&all));
    else
        cfg_error(v, "one of %s was expected%s%s%s", buf_str(&all), near ? "; did you mean \"" : "", near ? near : "",
                  near ? "\"?" : "");
    buf_release(&all);
    return -1;
}

const char *const *cfg_strings(const struct cfg *c, const char *key, size_t *n)
{
    const struct cfg *list = cfg_get(c, key);
    size_t length = cfg_length(list);
    const char **out = arena_array(c->file->arena, length + 1, sizeof *out);
    for (size_t i = 0; i < length; i++)
        out[i] = cfg_value_string(cfg_at(list, i));
    if (n)
        *n = length;
    return out;
}
