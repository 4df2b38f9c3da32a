/*
 * Bytes looked at eight at a time, without asking for more of the machine than 64-bit integers: for texts that are
 * searched for bytes which are rare in them.
 */
#ifndef ORIEL_EIGHT_H
#define ORIEL_EIGHT_H

#include <endian.h>

#include "lib/base.h"

/* The eight bytes at p, the first of them lowest. */
static inline uint64_t eight_at(const void *p)
{
    uint64_t bytes;
    memcpy(&bytes, p, sizeof bytes);
    return le64toh(bytes);
}

/* Eight times the byte c. */
static inline uint64_t eight_of(unsigned char c)
{
    return c * (UINT64_MAX / 255);
}

/* The upper bit of each of these bytes that is below c, which is at most 128. Above the first one that is, others may
 * be told wrongly: whether there is any and which is the first are certain. */
static inline uint64_t eight_below(uint64_t bytes, unsigned char c)
{
    return (bytes - eight_of(c)) & ~bytes & eight_of(0x80);
}

/* The same of each that is c. */
static inline uint64_t eight_equal(uint64_t bytes, unsigned char c)
{
    return eight_below(bytes ^ eight_of(c), 1);
}

/* How many bytes stand before the first that was found; found must not be 0. */
static inline size_t eight_before(uint64_t found)
{
    return (size_t)__builtin_ctzll(found) / 8;
}

static inline bool eight_is_ascii(uint64_t bytes)
{
    return !(bytes & eight_of(0x80));
}

/* How many bytes of s stand before the first that JSON wants escaped in a string. */
static inline size_t eight_plain_json(const char *s, size_t n)
{
    size_t i = 0;
    for (; n - i >= sizeof(uint64_t); i += sizeof(uint64_t)) {
        uint64_t bytes = eight_at(s + i);
        uint64_t found = eight_below(bytes, 0x20) | eight_equal(bytes, '"') | eight_equal(bytes, '\\');
        if (found)
            return i + eight_before(found);
    }
    while (i < n && (unsigned char)s[i] >= 0x20 && s[i] != '"' && s[i] != '\\')
        i++;
    return i;
}

#endif
