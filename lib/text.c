#include "lib/text.h"

/* SHA-256 by functions that OpenSSL 3 calls deprecated: to look up the others takes a process as long as to hash a
 * thousand short texts, since OpenSSL starts itself and reads its configuration for that. */
#define OPENSSL_API_COMPAT 0x10101000L
#include <errno.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xxhash.h>

#include "lib/eight.h"

enum { LONGEST_NAME = 63 }; /* Postgres' identifiers end here, and nobody mistypes longer names */

/* Levenshtein's distance, one row at a time. */
static size_t distance(const char *a, size_t na, const char *b, size_t nb)
{
    size_t row[LONGEST_NAME + 1];
    for (size_t j = 0; j <= nb; j++)
        row[j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[nb];
}

const char *text_nearest(const char *word, const char *const names[])
{
    size_t n = strlen(word);
    const char *nearest = NULL;
    if (n > LONGEST_NAME)
        return NULL;
    size_t best = n / 3 + 1;
    for (; *names; names++) {
        size_t m = strlen(*names);
        if (m > LONGEST_NAME)
            continue;
        size_t d = distance(word, n, *names, m);
        if (d <= best && (!nearest || d < best)) {
            best = d;
            nearest = *names;
        }
    }
    return nearest;
}

int text_integer(const char *s, long long min, long long max, long long *out)
{
    char *end;
    if (!(*s == '-' || (*s >= '0' && *s <= '9')))
        return -1;
    errno = 0;
    long long v = strtoll(s, &end, 10);
    if (errno || *end || end == s || v < min || v > max)
        return -1;
    *out = v;
    return 0;
}

struct unit {
    const char *name;
    long long value;
};

/* A whole number with one of the units directly behind it; -1 when s is none. */
static long long number_with_unit(const char *s, const struct unit *units, size_t n)
{
    char *end;
    if (*s < '0' || *s > '9')
        return -1;
    errno = 0;
    long long v = strtoll(s, &end, 10);
    for (size_t i = 0; !errno && i < n; i++)
        if (strcmp(end, units[i].name) == 0)
            return v > INT64_MAX / units[i].value ? -1 : v * units[i].value;
    return -1;
}

long long text_duration_ms(const char *s)
{
    static const struct unit units[] = {{"d", 86400000}, {"h", 3600000}, {"min", 60000}, {"ms", 1}, {"s", 1000}};
    return number_with_unit(s, units, ARRAY_SIZE(units));
}

long long text_size(const char *s)
{
    static const struct unit units[] = {{"kB", 1 << 10}, {"MB", 1 << 20}, {"GB", 1 << 30}, {"TB", 1LL << 40}};
    return number_with_unit(s, units, ARRAY_SIZE(units));
}

/* How many bytes from i on are ASCII; at least those that are looked at together. */
static size_t ascii_length(const unsigned char *p, size_t i, size_t n)
{
    size_t start = i;
    for (; n - i >= 32; i += 32)
        if (!eight_is_ascii(eight_at(p + i) | eight_at(p + i + 8) | eight_at(p + i + 16) | eight_at(p + i + 24)))
            break;
    for (; n - i >= 8; i += 8)
        if (!eight_is_ascii(eight_at(p + i)))
            break;
    return i - start;
}

size_t text_utf8_valid(const char *s, size_t n)
{
    const unsigned char *p = (const unsigned char *)s;
    size_t i = 0;
    while (i < n) {
        unsigned char c = p[i];
        size_t ascii = c < 0x80 ? ascii_length(p, i, n) : 0; /* most texts are for most of their length */
        if (ascii) {
            i += ascii;
            continue;
        }
        if (c < 0x80) {
            i++;
            continue;
        }
        size_t more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
        if (c < 0xc2 || c > 0xf4 || n - i <= more)
            return i;
        /* the second byte carries the limits: no overlong forms, no surrogates, nothing above U+10FFFF */
        unsigned char low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
        unsigned char high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
        if (p[i + 1] < low || p[i + 1] > high)
            return i;
        for (size_t k = 2; k <= more; k++)
            if ((p[i + k] & 0xc0) != 0x80)
                return i;
        i += more + 1;
    }
    return n;
}

void text_http_date(int64_t at, char date[32])
{
    time_t seconds = (time_t)at;
    struct tm t;
    date[0] = 0;
    if (gmtime_r(&seconds, &t) &&
        !strftime(date, 32, "%a, %d %b %Y %H:%M:%S GMT", &t)) /* English: no program calls setlocale() */
        date[0] = 0;
}

uint64_t text_hash(const char *s)
{
    return XXH3_64bits(s, strlen(s));
}

void text_sha256(const void *p, size_t n, char hex[65])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char sum[SHA256_DIGEST_LENGTH];
    SHA256_CTX state;
    SHA256_Init(&state);
    SHA256_Update(&state, p, n);
    SHA256_Final(sum, &state);
    for (size_t i = 0; i < sizeof sum; i++) {
        hex[2 * i] = digits[sum[i] >> 4];
        hex[2 * i + 1] = digits[sum[i] & 15];
    }
    hex[64] = 0;
}
