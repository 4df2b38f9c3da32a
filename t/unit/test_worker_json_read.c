/* Reading JSON: against json-c over random texts, and what json-c does not do. */
#include "t/unit/json_peer.h"
#include "t/unit/tap.h"

static uint32_t state = 20261123;

static uint32_t below(uint32_t n)
{
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % n;
}

static void put_space(struct buf *b)
{
    static const char *const spaces[] = {"", "", "", " ", "\n\t", "\r "};
    buf_puts(b, spaces[below(ARRAY_SIZE(spaces))]);
}

static const char *scalar(void)
{
    static const char *const scalars[] = {"1",
                                          "-0.50",
                                          "1E+2",
                                          "9223372036854775807",
                                          "-12345678901234567890",
                                          "0",
                                          "true",
                                          "false",
                                          "null",
                                          "\"\"",
                                          "\"s\"",
                                          "\"\\u00e9\\t\\/\"",
                                          "\"\xc3\xa9 longer than eight\"",
                                          "\"\\ud83d\\ude00x\"",
                                          "\"\\u0000\"",
                                          "\"\\\\\\\"\""};
    return scalars[below(ARRAY_SIZE(scalars))];
}

static void put_value(struct buf *b, int depth);

static void put_list(struct buf *b, int depth, bool object)
{
    static const char *const keys[] = {"a", "b", "", "\\u0061", "a longer key", "a longer kex", "\xc3\xa9", "\\n"};
    static const uint32_t lengths[] = {1, 3, 10, 80}; /* at most */
    uint32_t n = below(lengths[depth < 3 ? below(ARRAY_SIZE(lengths)) : below(2)] + 1);
    buf_putc(b, object ? '{' : '[');
    for (uint32_t i = 0; i < n; i++) {
        put_space(b);
        if (object && below(2))
            buf_printf(b, "\"k%u\":", below(60));
        else if (object)
            buf_printf(b, "\"%s\"\t:", keys[below(ARRAY_SIZE(keys))]);
        put_space(b);
        put_value(b, depth + 1);
        put_space(b);
        if (i + 1 < n)
            buf_putc(b, ',');
    }
    put_space(b);
    buf_putc(b, object ? '}' : ']');
}

static void put_value(struct buf *b, int depth)
{
    if (depth && (depth > 4 || below(3)))
        buf_puts(b, scalar());
    else
        put_list(b, depth, below(3) > 0);
}

/* One byte goes, comes or changes. */
static void break_somewhere(struct buf *b)
{
    static const char bytes[] = "{}[]:,\"\\ux01-.e tn";
    size_t at = below((uint32_t)b->len);
    switch (below(3)) {
    case 0:
        memmove(b->data + at, b->data + at + 1, b->len - at - 1);
        buf_trim_end(b, 1);
        break;
    case 1:
        b->data[at] = bytes[below(sizeof bytes - 1)];
        break;
    default:
        buf_trim_end(b, below((uint32_t)b->len));
    }
}

static void test_random(bool broken)
{
    enum { ROUNDS = 3000 };
    struct buf b;
    int differing = 0;
    buf_init(&b, 1 << 20);
    for (int i = 0; i < ROUNDS; i++) {
        buf_reset(&b);
        put_list(&b, 0, below(2));
        if (broken)
            break_somewhere(&b);
        if (json_peer_agrees(buf_str(&b), b.len))
            continue;
        printf("# %s\n", buf_str(&b));
        differing++;
    }
    buf_release(&b);
    ok(!differing, "json-c finds the same in %s texts", broken ? "broken" : "sound");
}

static const char *written_again(struct arena *a, const char *text)
{
    struct json_mistake mistake;
    struct buf b;
    struct json *json = json_read(text, strlen(text), a, &mistake);
    if (!json)
        return arena_printf(a, "%zu: %s", mistake.at, mistake.message);
    buf_init(&b, 1 << 20);
    json_put(&b, json, json->nodes);
    const char *out = arena_strdup(a, buf_str(&b));
    buf_release(&b);
    return out;
}

static void test_text(struct arena *a)
{
    static const char *const rows[][2] = {
        {" { \"a\" : [ 1 , { } , [ ] ] } ", "{\"a\":[1,{},[]]}"},
        {"[-0, 0.10, 1E5, 123456789012345678901234567890]", "[-0,0.10,1E5,123456789012345678901234567890]"},
        {"[\"\\u0041\\/\\u00e9\\ud83d\\ude00\\b\\u0000\"]", "[\"A/\xc3\xa9\xf0\x9f\x98\x80\\u0008\\u0000\"]"},
        {"{\"a\":1,\"b\":{\"x\":1,\"x\":2},\"\\u0061\":[3]}", "{\"a\":[3],\"b\":{\"x\":2}}"},
        {"{\"a\":{\"b\":1,\"c\":2},\"a\":1,\"d\":4,\"a\":{}}", "{\"a\":{},\"d\":4}"},
        {"[12345678901234567890 1]", "22: array value separator ',' expected"},
        {"[1, 2,, \"\\x\"]", "9: an escape that JSON does not have"},
        {"{\"a\":1,}", "7: unexpected character"},
        {"{\"a\"}", "4: object property name separator ':' expected"},
        {"{1:1}", "1: quoted object property name expected"},
        {"[1", "2: it ends too early"},
        {"7", "0: neither an object nor an array"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        is(written_again(a, rows[i][0]), rows[i][1], rows[i][0]);
}

/* As deep as may be, and one deeper; the last of many members of one name. */
static void test_limits(struct arena *a)
{
    enum { DEEPEST = 64, MANY = 100000 };
    struct json_mistake mistake;
    char deep[2 * DEEPEST + 2];
    memset(deep, '[', sizeof deep);
    memset(deep + DEEPEST, ']', DEEPEST);
    ok(json_read(deep, (size_t)2 * DEEPEST, a, &mistake), "as deep as may be");
    deep[DEEPEST] = '[';
    ok(!json_read(deep, sizeof deep, a, &mistake) && strcmp(mistake.message, "nesting too deep") == 0, "no deeper");
    struct buf b;
    buf_init(&b, 1 << 24);
    for (int i = 0; i < MANY; i++)
        buf_printf(&b, "%c\"k%d\":%d", i ? ',' : '{', i % 1000, i);
    buf_putc(&b, '}');
    struct json *json = json_read(buf_str(&b), b.len, a, &mistake);
    const struct json_node *key = json ? json_find_key(json, json->nodes, json_behind(json->nodes), "k7", 2, a) : NULL;
    ok(json && json->nodes->size == 2001 && key && key[1].len == 5 && memcmp(json->text + key[1].at, "99007", 5) == 0,
       "of many members of one name the last is meant");
    buf_release(&b);
}

int main(void)
{
    struct arena a;
    arena_init(&a);
    test_random(false);
    test_random(true);
    test_text(&a);
    test_limits(&a);
    arena_release(&a);
    return tap_done();
}
