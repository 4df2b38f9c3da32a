#include "fcgi-app/prefer.h"

#include <string.h>

#include "fcgi-app/plan_error.h"

/* In the order in which Preference-Applied lists them. Those that only a write could honour are known too: a client may
 * always send them, also with handling=strict. */
static const struct preference {
    const char *name, *value; /* value NULL: any */
    bool applied;
} preferences[] = {
    {"resolution", "merge-duplicates", false},
    {"resolution", "ignore-duplicates", false},
    {"missing", "default", false},
    {"missing", "null", false},
    {"return", "representation", false},
    {"return", "minimal", false},
    {"return", "headers-only", false},
    {"count", "exact", true},
    {"count", "planned", false},
    {"count", "estimated", false},
    {"tx", "commit", false},
    {"tx", "rollback", false},
    {"handling", "strict", true},
    {"handling", "lenient", true},
    {"max-affected", NULL, false},
};

enum {
    N_PREFERENCES = ARRAY_SIZE(preferences),
    LONGEST_LIST = 200 /* bytes, of what an error lists */
};

/* Copies the next preference off *rest, without the blanks around it. */
static const char *next_preference(struct arena *a, const char **rest)
{
    const char *begin = *rest + strspn(*rest, " \t"), *end = begin + strcspn(begin, ",");
    *rest = *end ? end + 1 : end;
    while (end > begin && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    return arena_memdup(a, begin, (size_t)(end - begin));
}

static const struct preference *find(const char *text)
{
    const char *value = strchrnul(text, '=');
    size_t n = (size_t)(value - text);
    if (*value)
        value++;
    for (size_t i = 0; i < N_PREFERENCES; i++) {
        const struct preference *p = &preferences[i];
        if (strlen(p->name) == n && memcmp(p->name, text, n) == 0 && (!p->value || strcmp(p->value, value) == 0))
            return p;
    }
    return NULL;
}

/* Marks p as given, unless another of its name was. */
static void give(bool given[], const struct preference *p)
{
    for (size_t i = 0; i < N_PREFERENCES; i++)
        if (given[i] && strcmp(preferences[i].name, p->name) == 0)
            return;
    given[p - preferences] = true;
}

static bool was_given(const bool given[], const char *name, const char *value)
{
    for (size_t i = 0; i < N_PREFERENCES; i++)
        if (given[i] && strcmp(preferences[i].name, name) == 0)
            return strcmp(preferences[i].value, value) == 0;
    return false;
}

static const char *join(struct arena *a, const char *list, const char *item)
{
    return list ? arena_printf(a, "%s, %s", list, item) : item;
}

int prefer_parse(struct prefer *p, struct arena *a, const char *header, struct api_error *error)
{
    bool given[N_PREFERENCES] = {false};
    const char *unknown = NULL;
    *p = (struct prefer){0};
    for (const char *rest = header; *rest;) {
        const char *text = next_preference(a, &rest);
        const struct preference *known = find(text);
        if (known)
            give(given, known);
        else if (*text && (!unknown || strlen(unknown) < LONGEST_LIST))
            unknown = join(a, unknown, text);
    }
    for (size_t i = 0; i < N_PREFERENCES; i++)
        if (given[i] && preferences[i].applied)
            p->applied = join(a, p->applied, arena_printf(a, "%s=%s", preferences[i].name, preferences[i].value));
    p->count = was_given(given, "count", "exact");
    if (unknown && was_given(given, "handling", "strict"))
        return plan_fail(error, "PGRST122", "Invalid preferences given with handling=strict",
                         arena_printf(a, "Invalid preferences: %s", plan_error_text(a, unknown, false)), NULL);
    return 0;
}
