/* Exact decimals, and numbers as they are written. */
#include "t/unit/tap.h"
#include "worker/decimal.h"
#include "worker/number.h"

static void test_plain(struct arena *a)
{
    static const struct {
        const char *literal, *plain; /* NULL: malformed; "large": too large */
    } rows[] = {
        {"0", "0"},
        {"-0", "0"},
        {"007", "7"},
        {"+7", "7"},
        {"-7", "-7"},
        {"1.50", "1.50"},
        {".5", "0.5"},
        {"-.5", "-0.5"},
        {"-0.00", "0.00"},
        {"00.10", "0.10"},
        {"1e3", "1000"},
        {"1.5e1", "15"},
        {"1.25e1", "12.5"},
        {"1.5E-3", "0.0015"},
        {"12e-1", "1.2"},
        {"0e5", "0"},
        {"1e+2", "100"},
        {"123456789012345678901234567890.1", "123456789012345678901234567890.1"},
        {"", NULL},
        {"-", NULL},
        {".", NULL},
        {"5.", NULL},
        {"1e", NULL},
        {"1e+", NULL},
        {"1 ", NULL},
        {" 1", NULL},
        {"1.2.3", NULL},
        {"0x1", NULL},
        {"nan", NULL},
        {"inf", NULL},
        {"1e5x", NULL},
        {"--1", NULL},
        {"1e1000", "large"},
        {"1e-1001", "large"},
        {"1e99999999999999999999", "large"},
        {"1e-99999999999999999999", "large"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *plain = NULL;
        enum decimal_status status = decimal_plain(a, rows[i].literal, strlen(rows[i].literal), &plain);
        is(status == DECIMAL_TOO_LARGE ? "large" : status == DECIMAL_OK ? plain : NULL, rows[i].plain, rows[i].literal);
    }
}

static void test_length(struct arena *a)
{
    char digits[2 * DECIMAL_MAX_DIGITS + 3];
    const char *plain;
    memset(digits, '9', sizeof digits);
    ok(decimal_plain(a, digits, DECIMAL_MAX_DIGITS, &plain) == DECIMAL_OK, "as many digits as are allowed");
    ok(decimal_plain(a, digits, DECIMAL_MAX_DIGITS + 1, &plain) == DECIMAL_TOO_LARGE, "and one more");
    digits[DECIMAL_MAX_DIGITS] = '.';
    ok(decimal_plain(a, digits, 2 * DECIMAL_MAX_DIGITS + 1, &plain) == DECIMAL_OK,
       "and as many again behind the point");
    is_int((long long)strlen(plain), 2 * DECIMAL_MAX_DIGITS + 1, "all of them are kept");
    ok(decimal_plain(a, digits, 2 * DECIMAL_MAX_DIGITS + 2, &plain) == DECIMAL_TOO_LARGE, "and one more there");
}

static void test_compare(void)
{
    static const struct {
        const char *x, *y;
        int order;
    } rows[] = {
        {"1", "2", -1},
        {"10", "9", 1},
        {"1.5", "1.50", 0},
        {"0", "0.000", 0},
        {"-1", "1", -1},
        {"-2", "-1", -1},
        {"-1.01", "-1.1", 1},
        {"0.1", "0.09999999999999999999999", 1},
        {"99999999999999999999", "100000000000000000000", -1},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int order = decimal_compare(rows[i].x, rows[i].y), back = decimal_compare(rows[i].y, rows[i].x);
        ok((order > 0) - (order < 0) == rows[i].order, "%s against %s", rows[i].x, rows[i].y);
        ok((back > 0) - (back < 0) == -rows[i].order, "and turned round");
    }
}

static void test_arithmetic(struct arena *a)
{
    is(decimal_multiply(a, "1.5", "0.45359237"), "0.680388555", "a product is exact");
    is(decimal_multiply(a, "-2", "0.5"), "-1.0", "and has its sign");
    is(decimal_multiply(a, "0", "-3"), "0", "nothing has none");
    is(decimal_multiply(a, "0.1", "0.1"), "0.01", "and its places");
    is(decimal_divide(a, "1", "3", 4), "0.3333", "a quotient is cut");
    is(decimal_divide(a, "2", "3", 4), "0.6667", "and rounded");
    is(decimal_divide(a, "0.5", "1", 0), "1", "half goes away from zero");
    is(decimal_divide(a, "-0.5", "1", 0), "-1", "on both sides");
    is(decimal_divide(a, "1", "0.25", 2), "4.00", "by a fraction");
    is(decimal_trim(a, "1.500"), "1.5", "zeros at the end go");
    is(decimal_trim(a, "10.00"), "10", "with the point");
    is(decimal_trim(a, "100"), "100", "but only behind it");
}

static void test_number(void)
{
    static const struct {
        struct number_form form;
        const char *s, *literal; /* "" for none */
        size_t length;
    } rows[] = {
        {{'.', 0}, "12.5 kg", "12.5", 4},
        {{'.', 0}, "12.", "12", 2},
        {{',', '.'}, "1.234,5", "1234.5", 7},
        {{',', '.'}, "1.23", "", 0},
        {{'.', ','}, "1,234,567x", "1234567", 9},
        {{'.', ','}, "1,2345", "", 0},
        {{'.', ' '}, "1 234 kg", "1234", 5},
        {{'.', ' '}, "60 kg", "60", 2},
        {{'.', '\''}, "1'000.50", "1000.50", 8},
        {{'.', 0}, "-5e3", "-5e3", 4},
        {{'.', 0}, "5e", "5", 1},
        {{'.', 0}, "", "", 0},
        {{'.', 0}, "x", "", 0},
        {{'.', 0}, "+.5", "+.5", 3},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char literal[64] = "";
        size_t n = number_read(rows[i].form, rows[i].s, strlen(rows[i].s), literal);
        is_int((long long)n, (long long)rows[i].length, rows[i].s);
        is(n ? literal : "", rows[i].literal, "is read as");
    }
}

int main(void)
{
    struct arena a;
    arena_init(&a);
    test_plain(&a);
    test_length(&a);
    test_compare();
    test_arithmetic(&a);
    test_number();
    arena_release(&a);
    return tap_done();
}
