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
    {"count", "planned", true},
    {"count", "estimated", true},
    {"tx", "commit", false},
    {"tx", "rollback", false},
    {"handling", "strict", true},
    {"handling", "lenient", true},
    {"timezone", NULL, true},
    {"max-affected", NULL, false},
};

/* What names of time zones are made of (the tz database's theory.html). */
static const char zone_letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/";

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

/* Marks p as given by text, unless another of its name was. */
static void give(const char *given[], const struct preference *p, const char *text)
{
    for (size_t i = 0; i < N_PREFERENCES; i++)
        if (given[i] && strcmp(preferences[i].name, p->name) == 0)
            return;
    given[p - preferences] = text;
}

/* The value that was given for name; NULL when none was. */
static const char *value_of(const char *const given[], const char *name)
{
    for (size_t i = 0; i < N_PREFERENCES; i++)
        if (given[i] && strcmp(preferences[i].name, name) == 0) {
            const char *equals = strchr(given[i], '=');
            return equals ? equals + 1 : "";
        }
    return NULL;
}

static enum plan_count count_of(const char *value)
{
    static const struct {
        const char *value;
        enum plan_count count;
    } counts[] = {{"exact", COUNT_EXACT}, {"planned", COUNT_PLANNED}, {"estimated", COUNT_ESTIMATED}};
    for (size_t i = 0; value && i < ARRAY_SIZE(counts); i++)
        if (strcmp(counts[i].value, value) == 0)
            return counts[i].count;
    return COUNT_NONE;
}

/* Postgres would also take an offset ("5") or the default ("") for a time zone; only names are. */
static int check_time_zone(const char *zone, struct arena *a, struct api_error *error)
{
    if (!zone ||
        (((*zone >= 'A' && *zone <= 'Z') || (*zone >= 'a' && *zone <= 'z')) && !zone[strspn(zone, zone_letters)]))
        return 0;
    return plan_fail(
        error, "22023",
        arena_printf(a, "invalid value for parameter \"TimeZone\": \"%s\"", plan_error_text(a, zone, false)), NULL,
        "A name such as Europe/Berlin was expected.");
}

static const char *join(struct arena *a, const char *list, const char *item)
{
    return list ? arena_printf(a, "%s, %s", list, item) : item;
}

int prefer_parse(struct prefer *p, struct arena *a, const char *header, struct api_error *error)
{
    const char *given[N_PREFERENCES] = {NULL};
    const char *unknown = NULL;
    *p = (struct prefer){0};
    for (const char *rest = header; *rest;) {
        const char *text = next_preference(a, &rest);
        const struct preference *known = find(text);
        if (known)
            give(given, known, text);
        else if (*text && (!unknown || strlen(unknown) < LONGEST_LIST))
            unknown = join(a, unknown, text);
    }
    for (size_t i = 0; i < N_PREFERENCES; i++)
        if (given[i] && preferences[i].applied)
            p->applied = join(a, p->applied, given[i]);
    p->count = count_of(value_of(given, "count"));
    p->time_zone = value_of(given, "timezone");
    const char *handling = value_of(given, "handling");
    if (unknown && handling && strcmp(handling, "strict") == 0)
        return plan_fail(error, "PGRST122", "Invalid preferences given with handling=strict",
                         arena_printf(a, "Invalid preferences: %s", plan_error_text(a, unknown, false)), NULL);
    return check_time_zone(p->time_zone, a, error);
}
