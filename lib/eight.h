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

/* The bytes of these that JSON wants escaped in a string, as eight_below() tells them. */
static inline uint64_t eight_escaped_json(uint64_t bytes)
{
    return eight_below(bytes, 0x20) | eight_equal(bytes, '"') | eight_equal(bytes, '\\');
}

static inline bool eight_is_plain_json(char c)
{
    return (unsigned char)c >= 0x20 && c != '"' && c != '\\';
}

/* How many bytes of s stand before the first that JSON wants escaped in a string. */
static inline size_t eight_plain_json(const char *s, size_t n)
{
    size_t i = 0;
    for (; n - i >= sizeof(uint64_t); i += sizeof(uint64_t)) {
        uint64_t found = eight_escaped_json(eight_at(s + i));
        if (found)
            return i + eight_before(found);
    }
    while (i < n && eight_is_plain_json(s[i]))
        i++;
    return i;
}

/* Copies n bytes, mostly few of them, for which a call would cost more than the copy. The two must not overlap. */
static inline void eight_copy(char *to, const char *from, size_t n)
{
    enum { EIGHT = sizeof(uint64_t), FOUR = sizeof(uint32_t), MANY = 8 * EIGHT };
    if (n > MANY) {
        memcpy(to, from, n);
    } else if (n >= EIGHT) { /* the last eight once more, where n is no multiple */
        for (size_t i = 0; i < n - EIGHT; i += EIGHT)
            memcpy(to + i, from + i, EIGHT);
        memcpy(to + n - EIGHT, from + n - EIGHT, EIGHT);
    } else if (n >= FOUR) {
        memcpy(to, from, FOUR);
        memcpy(to + n - FOUR, from + n - FOUR, FOUR);
    } else {
        for (size_t i = 0; i < n; i++)
            to[i] = from[i];
    }
}

/* Both in one pass: copies up to n bytes and says how many of them stand before the first that is to be escaped. What
 * is copied behind that one means nothing. */
static inline size_t eight_copy_plain_json(char *to, const char *from, size_t n)
{
    enum { EIGHT = sizeof(uint64_t) };
    size_t i = 0;
    for (; n - i >= EIGHT; i += EIGHT) {
        uint64_t found = eight_escaped_json(eight_at(from + i));
        memcpy(to + i, from + i, EIGHT);
        if (found)
            return i + eight_before(found);
    }
    if (i && i < n) { /* the last eight once more: those of them that were seen are plain */
        uint64_t found = eight_escaped_json(eight_at(from + n - EIGHT));
        memcpy(to + n - EIGHT, from + n - EIGHT, EIGHT);
        return found ? n - EIGHT + eight_before(found) : n;
    }
    for (; i < n && eight_is_plain_json(from[i]); i++)
        to[i] = from[i];
    return i;
}

#endif
