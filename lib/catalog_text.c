#include "lib/catalog_text.h"

#include <string.h>
#include <strings.h>

/* Copies what stands at *from up to one of the ends to *to, without its double quotes and what protects a character
 * within them: a backslash, or a quote doubled. Leaves *from at the end, *to behind the NUL. */
static const char *unquote(const char **from, char **to, const char *ends, char escape)
{
    const char *copy = *to, *p = *from;
    for (bool quoted = false; *p && (quoted || !strchr(ends, *p)); p++) {
        if (quoted && *p == escape && p[1] && (escape != '"' || p[1] == '"'))
            *(*to)++ = *++p;
        else if (*p == '"')
            quoted = !quoted;
        else
            *(*to)++ = *p;
    }
    *(*to)++ = 0;
    *from = p;
    return copy;
}

const char *const *catalog_array(struct arena *a, const char *text)
{
    const char *p = text && *text == '{' ? text + 1 : "}";
    size_t most = 1, n = 0;
    for (const char *q = p; *q; q++)
        most += *q == ','; /* which may stand within an element, too */
    const char **elements = arena_array(a, most + 1, sizeof *elements);
    char *copy = arena_alloc(a, strlen(p) + 1);
    while (*p && *p != '}') {
        elements[n++] = unquote(&p, &copy, ",}", '\\');
        p += *p == ',';
    }
    return elements;
}

/* Puts name into the sorted list of n, where it is not there yet; returns how many there are then. */
static size_t add_sorted(const char **list, size_t n, const char *name)
{
    size_t at = 0;
    while (at < n && strcmp(list[at], name) < 0)
        at++;
    if (at < n && strcmp(list[at], name) == 0)
        return n;
    memmove(list + at + 1, list + at, (n - at) * sizeof *list);
    list[at] = name;
    return n + 1;
}

const char *const *catalog_writers(struct arena *a, const char *acl, const char *owner)
{
    const char *const *items = catalog_array(a, acl);
    size_t n = 0, n_items = 0;
    while (items[n_items])
        n_items++;
    const char **writers = arena_array(a, n_items + 1, sizeof *writers);
    for (size_t i = 0; i < n_items; i++) {
        /* GRANTEE=PRIVILEGES/GRANTOR, as aclitemout() writes it; no grantee stands for everybody */
        const char *p = items[i];
        char *copy = arena_alloc(a, strlen(p) + 1);
        const char *grantee = unquote(&p, &copy, "=", '"');
        size_t privileges = strcspn(p, "/");
        if (strcspn(p, "awdD") < privileges && strcmp(grantee, owner) != 0)
            n = add_sorted(writers, n, *grantee ? grantee : "PUBLIC");
    }
    writers[n] = NULL;
    return writers;
}

/* As Postgres reads a boolean: "on", "1", or any beginning of "true" or "yes". */
static bool is_true(const char *value)
{
    size_t n = strlen(value);
    return n && (strncasecmp(value, "true", n) == 0 || strncasecmp(value, "yes", n) == 0 ||
                 strcasecmp(value, "on") == 0 || strcmp(value, "1") == 0);
}

bool catalog_option(struct arena *a, const char *reloptions, const char *name)
{
    size_t n = strlen(name);
    for (const char *const *o = catalog_array(a, reloptions); *o; o++)
        if (strncmp(*o, name, n) == 0 && (*o)[n] == '=')
            return is_true(*o + n + 1);
    return false;
}
