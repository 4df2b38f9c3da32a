#include "worker/decimal.h"

#include <ctype.h>
#include <gmp.h>
#include <stdlib.h>
#include <string.h>

/* A literal taken apart: digits with the point taken out, and where the point stands among them. */
struct literal {
    bool negative;
    const char *whole, *fraction;
    size_t n_whole, n_fraction;
    long exponent;
};

static size_t digits_at(const char *s, size_t n)
{
    size_t i = 0;
    while (i < n && isdigit((unsigned char)s[i]))
        i++;
    return i;
}

/* The exponent behind "e"; false when it is none. One beyond any use is cut, so that it cannot overflow. */
static bool read_exponent(const char *s, size_t n, long *out)
{
    bool negative = n && *s == '-';
    size_t i = n && (*s == '-' || *s == '+');
    long e = 0;
    if (i == n || digits_at(s + i, n - i) != n - i)
        return false;
    for (; i < n; i++)
        e = e > 1000000 ? e : e * 10 + (s[i] - '0');
    *out = negative ? -e : e;
    return true;
}

static bool read_literal(const char *s, size_t n, struct literal *l)
{
    *l = (struct literal){.negative = n && *s == '-'};
    size_t i = n && (*s == '-' || *s == '+');
    l->whole = s + i;
    l->n_whole = digits_at(s + i, n - i);
    i += l->n_whole;
    if (i < n && s[i] == '.') {
        l->fraction = s + i + 1;
        l->n_fraction = digits_at(s + i + 1, n - i - 1);
        if (!l->n_fraction)
            return false;
        i += 1 + l->n_fraction;
    }
    if (!l->n_whole && !l->n_fraction)
        return false;
    if (i < n && (s[i] == 'e' || s[i] == 'E'))
        return read_exponent(s + i + 1, n - i - 1, &l->exponent);
    return i == n;
}

/* Writes n digits with the point so placed that `places` of them stand behind it; digits may begin with zeros. */
static const char *write_plain(struct arena *a, bool negative, const char *digits, size_t n, size_t places)
{
    while (n > places + 1 && *digits == '0') {
        digits++;
        n--;
    }
    size_t padding = n < places + 1 ? places + 1 - n : 0; /* "5" with two places is "0.05" */
    bool zero = strspn(digits, "0") >= n;
    char *out = arena_alloc(a, n + padding + 3), *p = out;
    if (negative && !zero)
        *p++ = '-';
    memset(p, '0', padding);
    if (n)
        memcpy(p + padding, digits, n);
    size_t whole = n + padding - places;
    if (places) {
        memmove(p + whole + 1, p + whole, places);
        p[whole] = '.';
    }
    return out;
}

enum decimal_status decimal_plain(struct arena *a, const char *s, size_t n, const char **out)
{
    struct literal l;
    if (!read_literal(s, n, &l))
        return DECIMAL_MALFORMED;
    while (l.n_whole && *l.whole == '0') {
        l.whole++;
        l.n_whole--;
    }
    /* the exponent moves the point: fewer places behind it, or zeros appended */
    long places = (long)l.n_fraction - l.exponent;
    long zeros = places < 0 ? -places : 0;
    long whole = (long)l.n_whole + l.exponent;
    if (places > DECIMAL_MAX_DIGITS || (l.n_whole && whole > DECIMAL_MAX_DIGITS) || zeros > DECIMAL_MAX_DIGITS ||
        l.n_whole + l.n_fraction > 2 * DECIMAL_MAX_DIGITS)
        return DECIMAL_TOO_LARGE;
    char digits[3 * DECIMAL_MAX_DIGITS + 1];
    size_t n_digits = l.n_whole + l.n_fraction;
    if (l.n_whole)
        memcpy(digits, l.whole, l.n_whole);
    if (l.n_fraction)
        memcpy(digits + l.n_whole, l.fraction, l.n_fraction);
    memset(digits + n_digits, '0', (size_t)zeros);
    n_digits += (size_t)zeros;
    digits[n_digits] = 0;
    *out = write_plain(a, l.negative, digits, n_digits, places > 0 ? (size_t)places : 0);
    return DECIMAL_OK;
}

/* Compares two plain decimals without their signs. */
static int compare_magnitude(const char *x, const char *y)
{
    size_t nx = strcspn(x, "."), ny = strcspn(y, ".");
    if (nx != ny)
        return nx < ny ? -1 : 1;
    int order = memcmp(x, y, nx);
    if (order)
        return order;
    x += nx + (x[nx] == '.');
    y += ny + (y[ny] == '.');
    for (; *x || *y; x += *x != 0, y += *y != 0) {
        char dx = *x ? *x : '0', dy = *y ? *y : '0';
        if (dx != dy)
            return dx < dy ? -1 : 1;
    }
    return 0;
}

int decimal_compare(const char *x, const char *y)
{
    bool negative = *x == '-';
    if (negative != (*y == '-'))
        return negative ? -1 : 1;
    return negative ? compare_magnitude(y + 1, x + 1) : compare_magnitude(x, y);
}

/* The digits of a plain decimal as a whole number; *places gets how many stood behind the point. */
static void load(mpz_t z, struct arena *a, const char *x, size_t *places)
{
    size_t whole = strcspn(x, ".");
    char *digits = arena_strdup(a, x);
    *places = x[whole] ? strlen(x) - whole - 1 : 0;
    if (*places)
        memmove(digits + whole, x + whole + 1, *places + 1);
    mpz_set_str(z, digits, 10);
}

static const char *store(struct arena *a, const mpz_t z, size_t places)
{
    char *digits = arena_alloc(a, mpz_sizeinbase(z, 10) + 2);
    mpz_get_str(digits, 10, z);
    bool negative = *digits == '-';
    digits += negative;
    return write_plain(a, negative, digits, strlen(digits), places);
}

const char *decimal_multiply(struct arena *a, const char *x, const char *y)
{
    mpz_t zx, zy;
    size_t px, py;
    mpz_inits(zx, zy, NULL);
    load(zx, a, x, &px);
    load(zy, a, y, &py);
    mpz_mul(zx, zx, zy);
    const char *out = store(a, zx, px + py);
    mpz_clears(zx, zy, NULL);
    return out;
}

const char *decimal_divide(struct arena *a, const char *x, const char *y, int places)
{
    mpz_t zx, zy, power;
    size_t px, py;
    mpz_inits(zx, zy, NULL);
    load(zx, a, x, &px);
    load(zy, a, y, &py);
    /* x/y = (zx * 10^py) / (zy * 10^px); half of the divisor is added so that cutting rounds */
    mpz_init(power);
    mpz_ui_pow_ui(power, 10, py + (unsigned long)places);
    mpz_mul(zx, zx, power);
    mpz_ui_pow_ui(power, 10, px);
    mpz_mul(zy, zy, power);
    bool negative = (mpz_sgn(zx) < 0) != (mpz_sgn(zy) < 0);
    mpz_abs(zx, zx);
    mpz_abs(zy, zy);
    mpz_mul_ui(zx, zx, 2);
    mpz_add(zx, zx, zy);
    mpz_mul_ui(zy, zy, 2);
    mpz_tdiv_q(zx, zx, zy);
    if (negative)
        mpz_neg(zx, zx);
    const char *out = store(a, zx, (size_t)places);
    mpz_clears(zx, zy, power, NULL);
    return out;
}

const char *decimal_trim(struct arena *a, const char *x)
{
    size_t n = strlen(x);
    if (!strchr(x, '.'))
        return x;
    while (x[n - 1] == '0')
        n--;
    return arena_memdup(a, x, x[n - 1] == '.' ? n - 1 : n);
}
