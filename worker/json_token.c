/* Strings, numbers and words of a JSON text (RFC 8259, sections 3, 6 and 7). */
#include "lib/eight.h"
#include "worker/json_walk.h"

bool json_fail(struct json_walk *w, enum json_soundness how, size_t at, const char *message)
{
    *w->mistake = (struct json_mistake){how, at, message};
    return false;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

/* The code unit of the escape "\uXXXX" at i; -1 when it is none. */
static int code_unit(const struct json_walk *w, size_t i)
{
    int v = 0;
    if (w->n - i < 6 || w->s[i] != '\\' || w->s[i + 1] != 'u')
        return -1;
    for (size_t k = i + 2; k < i + 6; k++) {
        int digit = hex_digit(w->s[k]);
        if (digit < 0)
            return -1;
        v = v * 16 + digit;
    }
    return v;
}

/* An escape at w->at; *nul when it is that of U+0000. */
static bool escape(struct json_walk *w, bool *nul)
{
    size_t start = w->at;
    char letter = start + 1 < w->n ? w->s[start + 1] : 0;
    if (letter != 'u') {
        w->at += 2;
        return (letter && strchr("\"\\/bfnrt", letter)) ||
               json_fail(w, JSON_BROKEN, start, "an escape that JSON does not have");
    }
    int unit = code_unit(w, start);
    if (unit < 0)
        return json_fail(w, JSON_BROKEN, start, "\\u without four hexadecimal digits");
    w->at += 6;
    *nul = *nul || unit == 0;
    if (unit < 0xd800 || unit > 0xdfff)
        return true;
    int low = unit < 0xdc00 && w->at < w->n ? code_unit(w, w->at) : -1;
    if (low < 0xdc00 || low > 0xdfff)
        return json_fail(w, JSON_LONE_SURROGATE, start, "half of a surrogate pair");
    w->at += 6;
    return true;
}

/* Behind a string at w->at: is it the key of something? */
static bool is_key(const struct json_walk *w)
{
    size_t next = w->at;
    while (next < w->n && w->s[next] && strchr(" \t\r\n", w->s[next]))
        next++;
    return next < w->n && w->s[next] == ':';
}

bool json_token_string(struct json_walk *w, struct json_node *node)
{
    size_t start = w->at++;
    bool nul = false, escaped = false;
    for (;;) {
        w->at += eight_plain_json(w->s + w->at, w->n - w->at);
        if (w->at >= w->n)
            return json_fail(w, JSON_BROKEN, start, "a string that does not end");
        if (w->s[w->at] == '"')
            break;
        if (w->s[w->at] != '\\')
            return json_fail(w, JSON_BROKEN, w->at, "a control character in a string");
        escaped = true;
        if (!escape(w, &nul))
            return false;
    }
    *node = (struct json_node){(uint32_t)start + 1, (uint32_t)(w->at - start - 1), 1, JSON_STRING, escaped};
    w->at++;
    return !nul || !is_key(w) || json_fail(w, JSON_BROKEN, start, "a key with \\u0000 in it");
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t digits(struct json_walk *w)
{
    size_t start = w->at;
    while (w->at < w->n && is_digit(w->s[w->at]))
        w->at++;
    return w->at - start;
}

static bool take(struct json_walk *w, char one, char other)
{
    if (w->at == w->n || (w->s[w->at] != one && w->s[w->at] != other))
        return false;
    w->at++;
    return true;
}

static bool number(struct json_walk *w, struct json_node *node)
{
    size_t start = w->at;
    take(w, '-', '-');
    size_t first = w->at, whole = digits(w);
    bool sound = whole && (whole == 1 || w->s[first] != '0');
    if (sound && take(w, '.', '.'))
        sound = digits(w);
    if (sound && take(w, 'e', 'E')) {
        take(w, '-', '+');
        sound = digits(w);
    }
    *node = (struct json_node){(uint32_t)start, (uint32_t)(w->at - start), 1, JSON_NUMBER, false};
    return sound || json_fail(w, JSON_BROKEN, start, "a number that JSON does not have");
}

static bool word(struct json_walk *w, struct json_node *node)
{
    static const struct {
        const char *text;
        size_t n;
        enum json_kind kind;
    } words[] = {{"true", 4, JSON_TRUE}, {"false", 5, JSON_FALSE}, {"null", 4, JSON_NULL}};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (w->n - w->at >= words[i].n && memcmp(w->s + w->at, words[i].text, words[i].n) == 0) {
            *node = (struct json_node){(uint32_t)w->at, (uint32_t)words[i].n, 1, (uint8_t)words[i].kind, false};
            w->at += words[i].n;
            return true;
        }
    return json_fail(w, JSON_BROKEN, w->at, "neither a string, a number, true, false nor null");
}

bool json_token(struct json_walk *w, struct json_node *node)
{
    char c = w->s[w->at];
    return c == '"' ? json_token_string(w, node) : c == '-' || is_digit(c) ? number(w, node) : word(w, node);
}

bool json_tokens_sound(struct json_walk *w)
{
    struct json_node node;
    while (w->at < w->n) {
        if (w->s[w->at] && strchr("{}[],: \t\r\n", w->s[w->at]))
            w->at++;
        else if (!json_token(w, &node))
            return false;
    }
    return true;
}
