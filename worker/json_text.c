/* From nodes back to text. */
#include "worker/json_read.h"

#include "lib/eight.h"

static unsigned hex(const char *s)
{
    unsigned v = 0;
    for (int i = 0; i < 4; i++)
        v = v * 16 + (unsigned)(s[i] <= '9' ? s[i] - '0' : (s[i] | 0x20) - 'a' + 10);
    return v;
}

static char *put_utf8(char *out, unsigned c)
{
    static const unsigned char first[] = {0, 0xc0, 0xe0, 0xf0};
    int more = c >= 0x10000 ? 3 : c >= 0x800 ? 2 : c >= 0x80;
    *out++ = (char)(first[more] | c >> 6 * more);
    while (more-- > 0)
        *out++ = (char)(0x80 | (c >> 6 * more & 0x3f));
    return out;
}

/* The escape at *s, which is known to be sound; *s goes behind it. */
static char *put_decoded(char *out, const char **s)
{
    static const char letters[] = "bfnrt", meant[] = "\b\f\n\r\t";
    char letter = (*s)[1];
    if (letter != 'u') {
        const char *found = strchr(letters, letter);
        *out++ = found ? meant[found - letters] : letter;
        *s += 2;
        return out;
    }
    unsigned c = hex(*s + 2);
    *s += 6;
    if (c >= 0xd800 && c < 0xdc00) {
        c = 0x10000 + ((c - 0xd800) << 10) + (hex(*s + 2) - 0xdc00);
        *s += 6;
    }
    return put_utf8(out, c);
}

/* No escape is shorter than what it stands for. */
static size_t decode(const char *s, size_t n, char *out)
{
    const char *end = s + n;
    char *start = out;
    while (s < end) {
        size_t plain = eight_plain_json(s, (size_t)(end - s));
        memcpy(out, s, plain);
        out += plain;
        s += plain;
        if (s < end)
            out = put_decoded(out, &s);
    }
    return (size_t)(out - start);
}

const char *json_decode(const struct json *json, const struct json_node *node, struct arena *a, size_t *n)
{
    const char *s = json->text + node->at;
    *n = node->len;
    if (!node->escaped)
        return s;
    char *out = arena_alloc(a, node->len);
    *n = decode(s, node->len, out);
    return out;
}

const char *json_name(const struct json *json, const struct json_node *key, struct arena *a)
{
    size_t n;
    const char *s = json_decode(json, key, a, &n);
    return arena_memdup(a, s, n);
}

static bool is_named(const struct json *json, const struct json_node *key, const char *name, size_t n, struct arena *a)
{
    size_t len = key->len;
    if (!key->escaped)
        return len == n && memcmp(json->text + key->at, name, n) == 0;
    const char *s = len > n ? json_decode(json, key, a, &len) : NULL;
    return s && len == n && memcmp(s, name, n) == 0;
}

const struct json_node *json_find_key(const struct json *json, const struct json_node *object,
                                      const struct json_node *from, const char *name, size_t n, struct arena *a)
{
    const struct json_node *end = json_behind(object);
    for (const struct json_node *key = from; key < end; key = json_next_key(key))
        if (is_named(json, key, name, n, a))
            return key;
    for (const struct json_node *key = json_first(object); key < from; key = json_next_key(key))
        if (is_named(json, key, name, n, a))
            return key;
    return NULL;
}

const struct json_node *json_element(const struct json_node *array, const char *digits, size_t n)
{
    const struct json_node *at = json_first(array), *end = json_behind(array);
    uint32_t index = 0;
    if (!n || n > 9 || (*digits == '0' && n > 1))
        return NULL;
    for (; n; n--, digits++) {
        if (*digits < '0' || *digits > '9')
            return NULL;
        index = index * 10 + (uint32_t)(*digits - '0');
    }
    for (; at < end && index; index--)
        at = json_behind(at);
    return at < end ? at : NULL;
}

static void put_string(struct buf *b, const struct json *json, const struct json_node *node)
{
    struct arena a;
    size_t n;
    arena_init(&a);
    const char *s = json_decode(json, node, &a, &n);
    buf_json_string(b, s, n);
    arena_release(&a);
}

/* The depth is bounded by the parser's. */
void json_put(struct buf *b, const struct json *json, const struct json_node *node)
{
    bool object = node->kind == JSON_OBJECT;
    if (!object && node->kind != JSON_ARRAY) {
        if (node->kind == JSON_STRING)
            put_string(b, json, node);
        else
            buf_put(b, json->text + node->at, node->len);
        return;
    }
    buf_putc(b, object ? '{' : '[');
    for (const struct json_node *at = json_first(node), *end = json_behind(node); at < end; at = json_behind(at)) {
        if (at > json_first(node))
            buf_putc(b, ',');
        if (object) {
            put_string(b, json, at++);
            buf_putc(b, ':');
        }
        json_put(b, json, at);
    }
    buf_putc(b, object ? '}' : ']');
}
