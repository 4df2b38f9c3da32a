#include "worker/json_read.h"

#include <ctype.h>
#include <string.h>

#include "worker/document.h"

struct walk {
    const char *s;
    size_t n, at;
    struct buf *patched;
    size_t copied; /* bytes of s that patched holds already */
    struct json_mistake *mistake;
};

static enum json_soundness fail(struct walk *w, enum json_soundness how, size_t at, const char *message)
{
    *w->mistake = (struct json_mistake){how, at, message};
    return how;
}

/* The code unit of the escape "\uXXXX" at i; -1 when it is none. */
static int code_unit(const struct walk *w, size_t i)
{
    int v = 0;
    if (w->n - i < 6 || w->s[i] != '\\' || w->s[i + 1] != 'u')
        return -1;
    for (size_t k = i + 2; k < i + 6; k++) {
        int c = tolower((unsigned char)w->s[k]);
        if (!isxdigit(c))
            return -1;
        v = v * 16 + (isdigit(c) ? c - '0' : c - 'a' + 10);
    }
    return v;
}

/* An escape at w->at; *nul when it is that of U+0000. */
static enum json_soundness escape(struct walk *w, bool *nul)
{
    size_t start = w->at;
    char letter = start + 1 < w->n ? w->s[start + 1] : 0;
    if (letter != 'u') {
        w->at += 2;
        return letter && strchr("\"\\/bfnrt", letter)
                   ? JSON_SOUND
                   : fail(w, JSON_BROKEN, start, "an escape that JSON does not have");
    }
    int unit = code_unit(w, start);
    if (unit < 0)
        return fail(w, JSON_BROKEN, start, "\\u without four hexadecimal digits");
    w->at += 6;
    *nul = *nul || unit == 0;
    if (unit < 0xd800 || unit > 0xdfff)
        return JSON_SOUND;
    int low = unit < 0xdc00 && w->at < w->n ? code_unit(w, w->at) : -1;
    if (low < 0xdc00 || low > 0xdfff)
        return fail(w, JSON_LONE_SURROGATE, start, "half of a surrogate pair");
    w->at += 6;
    return JSON_SOUND;
}

/* Of a character within a string: does it stand for itself? */
static bool is_plain(char c)
{
    return (unsigned char)c >= 0x20 && c != '"' && c != '\\';
}

static enum json_soundness string(struct walk *w)
{
    size_t start = w->at++;
    bool nul = false;
    while (w->at < w->n && w->s[w->at] != '"') {
        if (is_plain(w->s[w->at])) {
            w->at++;
            continue;
        }
        if (w->s[w->at] != '\\')
            return fail(w, JSON_BROKEN, w->at, "a control character in a string");
        enum json_soundness sound = escape(w, &nul);
        if (sound != JSON_SOUND)
            return sound;
    }
    if (w->at >= w->n)
        return fail(w, JSON_BROKEN, start, "a string that does not end");
    w->at++;
    size_t next = w->at;
    while (nul && next < w->n && strchr(" \t\r\n", w->s[next]) && w->s[next])
        next++;
    if (nul && next < w->n && w->s[next] == ':')
        return fail(w, JSON_BROKEN, start, "a key with \\u0000 in it");
    return JSON_SOUND;
}

static size_t digits(struct walk *w)
{
    size_t start = w->at;
    while (w->at < w->n && isdigit((unsigned char)w->s[w->at]))
        w->at++;
    return w->at - start;
}

static bool take(struct walk *w, const char *any_of)
{
    if (w->at == w->n || !w->s[w->at] || !strchr(any_of, w->s[w->at]))
        return false;
    w->at++;
    return true;
}

static enum json_soundness number(struct walk *w)
{
    static const char message[] = "a number that JSON does not have";
    size_t start = w->at;
    take(w, "-");
    size_t first = w->at, whole = digits(w);
    bool integer = true;
    if (!whole || (w->s[first] == '0' && whole > 1))
        return fail(w, JSON_BROKEN, start, message);
    if (take(w, ".")) {
        integer = false;
        if (!digits(w))
            return fail(w, JSON_BROKEN, start, message);
    }
    if (take(w, "eE")) {
        integer = false;
        take(w, "+-");
        if (!digits(w))
            return fail(w, JSON_BROKEN, start, message);
    }
    if (integer && whole >= LONG_INTEGER_DIGITS) {
        buf_put(w->patched, w->s + w->copied, w->at - w->copied);
        buf_puts(w->patched, LONG_INTEGER_MARK);
        w->copied = w->at;
    }
    return JSON_SOUND;
}

static enum json_soundness word(struct walk *w)
{
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        size_t n = strlen(words[i]);
        if (w->n - w->at >= n && memcmp(w->s + w->at, words[i], n) == 0) {
            w->at += n;
            return JSON_SOUND;
        }
    }
    return fail(w, JSON_BROKEN, w->at, "neither a string, a number, true, false nor null");
}

/* Space, and what json-c looks after. */
static bool is_between(char c)
{
    switch (c) {
    case '{':
    case '}':
    case '[':
    case ']':
    case ',':
    case ':':
    case ' ':
    case '\t':
    case '\r':
    case '\n':
        return true;
    default:
        return false;
    }
}

bool json_scan(const char *s, size_t n, struct buf *patched, struct json_mistake *mistake)
{
    struct walk w = {.s = s, .n = n, .patched = patched, .mistake = mistake};
    while (w.at < n) {
        enum json_soundness sound = JSON_SOUND;
        char c = s[w.at];
        if (c == '"')
            sound = string(&w);
        else if (is_between(c))
            w.at++;
        else if (c == '-' || isdigit((unsigned char)c))
            sound = number(&w);
        else
            sound = word(&w);
        if (sound != JSON_SOUND)
            return false;
    }
    if (w.copied)
        buf_put(patched, s + w.copied, n - w.copied);
    return true;
}
