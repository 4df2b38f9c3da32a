/* Link headers, RFC 8288, section 3. */
#include <strings.h>

#include "worker/http.h"

static const char *skip_space(const char *s)
{
    return s + strspn(s, " \t");
}

/* Whether "next" is one of the words of a rel. */
static bool names_next(const char *s, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t word = strcspn(s + i, " \t");
        if (i + word > n)
            word = n - i;
        if (word == 4 && strncasecmp(s + i, "next", 4) == 0)
            return true;
        i += word + 1;
    }
    return false;
}

/* A parameter's value, quoted or not: its extent, and where it ends. */
static const char *parameter_value(const char *s, const char **value, size_t *n)
{
    if (*s == '"') {
        *value = ++s;
        while (*s && *s != '"')
            s += s[0] == '\\' && s[1] ? 2 : 1;
        *n = (size_t)(s - *value);
        return *s ? s + 1 : s;
    }
    *value = s;
    *n = strcspn(s, ",; \t");
    return s + *n;
}

/* Parameters behind a target. The first rel counts. */
static const char *parameters(const char *s, bool *next)
{
    bool had_rel = false;
    for (s = skip_space(s); *s == ';'; s = skip_space(s)) {
        s = skip_space(s + 1);
        size_t name = strcspn(s, "=,; \t"), n;
        bool rel = name == 3 && strncasecmp(s, "rel", 3) == 0;
        const char *value;
        s = skip_space(s + name);
        if (*s != '=')
            continue;
        s = parameter_value(skip_space(s + 1), &value, &n);
        if (rel && !had_rel)
            *next = names_next(value, n);
        had_rel |= rel;
    }
    return s;
}

const char *http_link_next(struct arena *a, const char *s)
{
    for (s = skip_space(s); *s == '<'; s += strspn(s, " \t,")) {
        const char *target = s + 1;
        size_t n = strcspn(target, ">");
        bool next = false;
        if (!target[n])
            return NULL;
        s = parameters(target + n + 1, &next);
        if (next)
            return arena_memdup(a, target, n);
    }
    return NULL;
}
