#include "worker/number.h"

#include <ctype.h>
#include <string.h>

struct scan {
    struct number_form form;
    const char *s;
    size_t n, at;
    char *out; /* where the next byte goes */
};

static bool digit_at(const struct scan *c, size_t i)
{
    return i < c->n && isdigit((unsigned char)c->s[i]);
}

/* Copies a run of digits; returns how many. */
static size_t digits(struct scan *c)
{
    size_t start = c->at;
    while (digit_at(c, c->at))
        *c->out++ = c->s[c->at++];
    return c->at - start;
}

/* Bytes of the group separator at i; 0 when there is none, or no digit behind it. */
static size_t separator_at(const struct scan *c, size_t i)
{
    static const char *const spaces[] = {" ", "\u00a0", "\u202f"};
    char group[2] = {c->form.group_char, 0};
    const char *alone[] = {group};
    const char *const *signs = *group == ' ' ? spaces : alone;
    for (size_t k = 0; *group && k < (*group == ' ' ? ARRAY_SIZE(spaces) : 1); k++) {
        size_t length = strlen(signs[k]);
        if (c->n - i > length && memcmp(c->s + i, signs[k], length) == 0 && digit_at(c, i + length))
            return length;
    }
    return 0;
}

/* Digits before the point. False when groups are of a wrong size: then it is not certain what was meant. */
static bool whole_part(struct scan *c, size_t *n_digits)
{
    size_t run = *n_digits = digits(c);
    size_t separator = c->at < c->n && run ? separator_at(c, c->at) : 0;
    if (!separator)
        return true;
    if (run > 3)
        return false;
    for (; separator; separator = c->at < c->n ? separator_at(c, c->at) : 0) {
        c->at += separator;
        run = digits(c);
        *n_digits += run;
        if (run != 3 && run != 2)
            return false;
    }
    return run == 3;
}

static void exponent(struct scan *c)
{
    size_t i = c->at;
    if (i == c->n || (c->s[i] != 'e' && c->s[i] != 'E'))
        return;
    i++;
    if (i < c->n && (c->s[i] == '-' || c->s[i] == '+'))
        i++;
    if (!digit_at(c, i))
        return;
    while (c->at < i)
        *c->out++ = c->s[c->at++];
    digits(c);
}

size_t number_read(struct number_form form, const char *s, size_t n, char *out)
{
    struct scan c = {.form = form, .s = s, .n = n, .out = out};
    size_t n_digits;
    if (n && (*s == '-' || *s == '+'))
        *c.out++ = s[c.at++];
    if (!whole_part(&c, &n_digits))
        return 0;
    if (c.at < n && s[c.at] == form.decimal_char && digit_at(&c, c.at + 1)) {
        c.at++;
        *c.out++ = '.';
        n_digits += digits(&c);
    }
    if (!n_digits)
        return 0;
    exponent(&c);
    *c.out = 0;
    return c.at;
}

/* Is this a byte of a word? Bytes of letters beyond ASCII count as such. */
static bool is_word(char c)
{
    return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

bool number_find(struct number_form form, const char *s, size_t n, char *out)
{
    size_t start = 0;
    while (start < n && !isdigit((unsigned char)s[start]))
        start++;
    if (start && s[start - 1] == form.decimal_char)
        start--;
    if (start && (s[start - 1] == '-' || s[start - 1] == '+')) {
        start--;
        if (start && is_word(s[start - 1])) /* "A-5": a sign or a hyphen? */
            return false;
    }
    size_t length = number_read(form, s + start, n - start, out);
    if (!length)
        return false;
    for (size_t i = start + length; i < n; i++)
        if (isdigit((unsigned char)s[i]))
            return false;
    return true;
}
