/*
 * Unit tests speak TAP (Test Anything Protocol), so prove runs them like all others. A test prints its own plan at the
 * end and returns tap_done() from main().
 */
#ifndef ORIEL_TAP_H
#define ORIEL_TAP_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int tap_count, tap_failures;

__attribute__((format(printf, 3, 4), unused)) static int tap_ok(int ok, const char *where, const char *format, ...)
{
    va_list args;
    printf("%sok %d - ", ok ? "" : "not ", ++tap_count);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    if (!ok) {
        tap_failures++;
        printf("#   at %s\n", where);
    }
    fflush(stdout);
    return ok;
}

__attribute__((unused)) static void tap_is(const char *got, const char *expected, const char *where, const char *name)
{
    int same = got && expected ? strcmp(got, expected) == 0 : got == expected;
    if (!tap_ok(same, where, "%s", name))
        printf("#   got:      %s\n#   expected: %s\n", got ? got : "(null)", expected ? expected : "(null)");
}

#define TAP_STRING(x)           TAP_STRING_(x)
#define TAP_STRING_(x)          #x
#define TAP_HERE                __FILE__ ":" TAP_STRING(__LINE__)
#define ok(condition, ...)      tap_ok(!!(condition), TAP_HERE, __VA_ARGS__)
#define is(got, expected, name) tap_is((got), (expected), TAP_HERE, (name))
#define is_int(got, expected, name)                                                                                    \
    do {                                                                                                               \
        long long got_ = (got), expected_ = (expected);                                                                \
        if (!ok(got_ == expected_, "%s", (name)))                                                                      \
            printf("#   got:      %lld\n#   expected: %lld\n", got_, expected_);                                       \
    } while (0)

static int tap_done(void)
{
    printf("1..%d\n", tap_count);
    return tap_failures ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
