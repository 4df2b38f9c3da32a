#include "fcgi-app/cursor.h"

#include <json-c/json.h>
#include <openssl/evp.h>
#include <string.h>

#include "lib/buf.h"

enum { VERSION = 1, LONGEST = 64 << 10 /* longer than any URL that is taken */ };

static const char standard[] = "+/", safe[] = "-_"; /* where base64 and base64url differ */

static void exchange(char *s, const char *from, const char *to)
{
    for (; *s; s++)
        *s = *s == from[0] ? to[0] : *s == from[1] ? to[1] : *s;
}

static const char *encode(struct arena *a, const struct buf *text)
{
    char *out = arena_alloc(a, 4 * (text->len / 3 + 1) + 1);
    EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)buf_str(text), (int)text->len);
    out[strcspn(out, "=")] = 0;
    exchange(out, standard, safe);
    return out;
}

/* What text encodes, and its length; NULL where it is not base64url. */
static const char *decode(struct arena *a, const char *text, size_t *len)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t n = strlen(text), padding = (4 - n % 4) % 4;
    if (!n || n > LONGEST || padding == 3 || strspn(text, letters) != n)
        return NULL;
    char *padded = arena_printf(a, "%s%.*s", text, (int)padding, "==");
    exchange(padded, safe, standard);
    char *out = arena_alloc(a, n + 4);
    if (EVP_DecodeBlock((unsigned char *)out, (const unsigned char *)padded, (int)(n + padding)) < 0)
        return NULL;
    *len = (n + padding) / 4 * 3 - padding;
    return out;
}

const char *cursor_encode(struct arena *a, const char *order, const char *const *values, size_t n)
{
    struct buf b;
    buf_init(&b, LONGEST);
    buf_printf(&b, "[%d,", VERSION);
    buf_json_string(&b, order, strlen(order));
    for (size_t i = 0; i < n; i++) {
        buf_puts(&b, i ? "," : ",[");
        if (values[i])
            buf_json_string(&b, values[i], strlen(values[i]));
        else
            buf_puts(&b, "null");
    }
    buf_puts(&b, "]]");
    const char *text = b.failed ? NULL : encode(a, &b);
    buf_release(&b);
    return text;
}

static struct json_object *parse(const char *text, size_t len)
{
    json_tokener *tok = json_tokener_new();
    if (!tok)
        return NULL;
    json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *root = json_tokener_parse_ex(tok, text, (int)len + 1); /* with the NUL behind it */
    if (json_tokener_get_error(tok) != json_tokener_success || json_tokener_get_parse_end(tok) < len) {
        json_object_put(root);
        root = NULL;
    }
    json_tokener_free(tok);
    return root;
}

/* A text of Postgres, which holds no NUL. */
static bool is_text(struct json_object *o)
{
    return json_object_is_type(o, json_type_string) &&
           strlen(json_object_get_string(o)) == (size_t)json_object_get_string_len(o);
}

static const char *read_values(struct arena *a, struct json_object *list, size_t n, const char ***values)
{
    if (!json_object_is_type(list, json_type_array) || json_object_array_length(list) != n)
        return "It does not have one value for each column of the order.";
    *values = arena_array(a, n, sizeof **values);
    for (size_t i = 0; i < n; i++) {
        struct json_object *value = json_object_array_get_idx(list, i);
        if (!value)
            continue;
        if (!is_text(value))
            return "One of its values is neither text nor null.";
        (*values)[i] = arena_strdup(a, json_object_get_string(value));
    }
    return NULL;
}

static const char *read_cursor(struct arena *a, struct json_object *root, const char *order, size_t n,
                               const char ***values)
{
    static const char damaged[] = "It is not what a Link gave: perhaps it was cut or changed on the way.";
    if (!json_object_is_type(root, json_type_array) || json_object_array_length(root) != 3)
        return damaged;
    struct json_object *version = json_object_array_get_idx(root, 0), *of = json_object_array_get_idx(root, 1);
    if (!json_object_is_type(version, json_type_int) || json_object_get_int(version) != VERSION || !is_text(of))
        return damaged;
    if (strcmp(json_object_get_string(of), order) != 0)
        return "It is of another contract or of another order.";
    return read_values(a, json_object_array_get_idx(root, 2), n, values);
}

const char *cursor_decode(struct arena *a, const char *text, const char *order, size_t n, const char ***values)
{
    size_t len = 0;
    const char *json = decode(a, text, &len);
    struct json_object *root = json && strlen(json) == len ? parse(json, len) : NULL;
    const char *fault = read_cursor(a, root, order, n, values);
    json_object_put(root);
    return fault;
}
