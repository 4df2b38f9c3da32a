#define PCRE2_CODE_UNIT_WIDTH 8
#include "worker/pattern.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_STEPS = 200000, MOST_HEAP_KIB = 8192 };

struct pattern {
    pcre2_code *code;
    pcre2_match_data *match; /* scratch of a match; one thread cleans at a time (read_ahead.h) */
    pcre2_match_context *limits;
};

static void release(void *pattern)
{
    struct pattern *p = pattern;
    pcre2_match_context_free(p->limits);
    pcre2_match_data_free(p->match);
    pcre2_code_free(p->code);
}

struct pattern *pattern_compile(struct arena *a, const char *expression, const char **message)
{
    int error;
    PCRE2_SIZE at;
    struct pattern *p = arena_alloc(a, sizeof *p);
    p->code =
        pcre2_compile((PCRE2_SPTR)expression, strlen(expression),
                      PCRE2_UTF | PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_NEVER_BACKSLASH_C, &error, &at, NULL);
    if (!p->code) {
        char text[256] = "";
        pcre2_get_error_message(error, (PCRE2_UCHAR *)text, sizeof text);
        *message = arena_printf(a, "%s, at its character %zu", text, (size_t)at + 1);
        return NULL;
    }
    p->match = pcre2_match_data_create_from_pattern(p->code, NULL);
    p->limits = pcre2_match_context_create(NULL);
    if (!p->match || !p->limits)
        abort(); /* only for lack of memory */
    pcre2_set_match_limit(p->limits, MOST_STEPS);
    pcre2_set_heap_limit(p->limits, MOST_HEAP_KIB);
    arena_hook(a, release, p);
    return p;
}

enum pattern_verdict pattern_match(const struct pattern *p, const char *s, size_t n)
{
    int found = pcre2_match(p->code, (PCRE2_SPTR)s, n, 0, 0, p->match, p->limits);
    if (found >= 0)
        return PATTERN_MATCHES;
    return found == PCRE2_ERROR_MATCHLIMIT || found == PCRE2_ERROR_HEAPLIMIT || found == PCRE2_ERROR_DEPTHLIMIT
               ? PATTERN_GAVE_UP
               : PATTERN_DIFFERS;
}
