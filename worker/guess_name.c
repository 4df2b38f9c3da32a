/* Names of a source's columns made into SQL identifiers. */
#include <ctype.h>
#include <stdlib.h>
#include <uninorm.h>

#include "worker/entity.h"
#include "worker/guess.h"

enum { LONGEST_NAME = 63 };

/* Reserved words of PostgreSQL 15 (its manual, appendix C, "reserved", with those that a function or type may bear),
 * the reader's own parameters (read-api: select, order, limit, offset, and, or, not, columns, on_conflict), and what
 * Oriel writes itself. Sorted. */
static const char *const reserved[] = {
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "binary",
    "both",
    "case",
    "cast",
    "check",
    "client",
    "collate",
    "collation",
    "column",
    "columns",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "false",
    "fetch",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "gone_at",
    "grant",
    "group",
    "having",
    "id",
    "ilike",
    "in",
    "initially",
    "inner",
    "intersect",
    "into",
    "is",
    "isnull",
    "join",
    "lateral",
    "leading",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "natural",
    "not",
    "notnull",
    "null",
    "offset",
    "on",
    "on_conflict",
    "only",
    "or",
    "order",
    "outer",
    "overlaps",
    "placing",
    "primary",
    "raw_batch",
    "raw_line",
    "references",
    "returning",
    "right",
    "select",
    "session_user",
    "similar",
    "some",
    "symmetric",
    "table",
    "tablesample",
    "then",
    "to",
    "trailing",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
};

static int compare(const void *key, const void *word)
{
    return strcmp(key, *(const char *const *)word);
}

bool guess_name_is_reserved(const char *name)
{
    return bsearch(name, reserved, ARRAY_SIZE(reserved), sizeof *reserved, compare) != NULL;
}

/* Letters that have no decomposition but a usual spelling. */
static const struct {
    const char *letter, *ascii;
} spellings[] = {{"ß", "ss"}, {"æ", "ae"}, {"Æ", "AE"}, {"ø", "o"}, {"Ø", "O"},
                 {"œ", "oe"}, {"Œ", "OE"}, {"ł", "l"},  {"Ł", "L"}, {"đ", "d"}};

/* A byte sequence at s that stands for other letters: copies them to *out and returns its length, else 0. */
static size_t spell(const char *s, char **out)
{
    for (size_t i = 0; i < ARRAY_SIZE(spellings); i++) {
        size_t n = strlen(spellings[i].letter), m = strlen(spellings[i].ascii);
        if (strncmp(s, spellings[i].letter, n) == 0) {
            memcpy(*out, spellings[i].ascii, m);
            *out += m;
            return n;
        }
    }
    return 0;
}

/* Combining marks are dropped, other characters become "_"; the result is no longer than the label, decomposed. */
static void to_ascii(const char *s, char *out)
{
    while (*s) {
        unsigned char c = (unsigned char)*s;
        size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        size_t spelt = n > 1 ? spell(s, &out) : 0;
        bool mark = c == 0xcc || c == 0xcd; /* U+0300 to U+036F */
        if (!spelt && !mark)
            *out++ = c < 0x80 && isalnum(c) ? (char)c : '_';
        while (n-- && *s)
            s++;
    }
    *out = 0;
}

/* lowerCamelCase, PascalCase and HTTPServer become words; what is no letter and no digit is one "_". */
static char *to_words(const char *s, struct arena *a)
{
    char *out = arena_alloc(a, 2 * strlen(s) + 3), *p = out;
    if (isdigit((unsigned char)*s))
        *p++ = 'c';
    for (const char *q = s; *q; q++) {
        bool up = isupper((unsigned char)*q),
             before = q > s && (islower((unsigned char)q[-1]) || isdigit((unsigned char)q[-1]));
        bool acronym_ends = q > s && isupper((unsigned char)q[-1]) && islower((unsigned char)q[1]);
        bool border = *q == '_' || (up && (before || acronym_ends));
        if (border && p > out && p[-1] != '_')
            *p++ = '_';
        if (*q != '_')
            *p++ = (char)tolower((unsigned char)*q);
    }
    while (p > out && p[-1] == '_')
        p--;
    *p = 0;
    return out;
}

static bool is_taken(const char *name, const char *const *taken, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(taken[i], name) == 0)
            return true;
    return false;
}

const char *guess_name(const char *label, const char *const *taken, size_t n, struct arena *a)
{
    size_t length;
    uint8_t *decomposed = u8_normalize(UNINORM_NFKD, (const uint8_t *)label, strlen(label), NULL, &length);
    const char *text = decomposed ? arena_memdup(a, decomposed, length) : label;
    free(decomposed);
    char *ascii = arena_alloc(a, strlen(text) + 1);
    to_ascii(text, ascii);
    const char *name = to_words(ascii, a);
    if (!*name)
        name = "field";
    if (strcmp(name, "id") == 0)
        name = "external_id"; /* id is Oriel's own number */
    else if (guess_name_is_reserved(name))
        name = arena_printf(a, "%s_value", name);
    const char *unique = arena_printf(a, "%.*s", LONGEST_NAME, name);
    for (int i = 2; is_taken(unique, taken, n); i++)
        unique = arena_printf(a, "%.*s_%d", LONGEST_NAME - 11, name, i);
    return unique;
}
