#include "fcgi-app/token_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>

#include "lib/file.h"

enum {
    LARGEST_KEY = 16 << 10, /* bytes of a file */
    SHORTEST_SECRET = 32,   /* bytes; RFC 7518, section 3.2 */
    SHORTEST_RSA = 2048     /* bits; section 3.3 */
};

/* A secret that a command wrote into a file has a line's end behind it, which nobody means. */
static size_t without_line_end(const struct buf *b)
{
    size_t n = b->len;
    if (n && b->data[n - 1] == '\n')
        n--;
    return n && b->data[n - 1] == '\r' ? n - 1 : n;
}

static void check_secret(const struct cfg *file, struct token_key *k, const struct stat *st)
{
    if (k->length < SHORTEST_SECRET)
        cfg_error(file, "the secret has %d bytes; HS256 takes at least %d", k->length, SHORTEST_SECRET);
    if (memmem(k->bytes, (size_t)k->length, "-----BEGIN", 10))
        cfg_error(file, "this is no secret but a key in PEM; its algorithm is RS256 or ES256");
    if (st->st_mode & S_IROTH)
        cfg_error(file, "everybody may read the secret: chmod o-r it");
}

static bool is_p256(EVP_PKEY *key)
{
    char group[32];
    return EVP_PKEY_is_a(key, "EC") &&
           EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group, NULL) &&
           strcmp(group, "prime256v1") == 0;
}

static bool fits(EVP_PKEY *key, enum token_algorithm algorithm)
{
    return algorithm == TOKEN_ES256 ? is_p256(key)
                                    : EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) >= SHORTEST_RSA;
}

static void check_public(const struct cfg *file, const struct token_key *k)
{
    BIO *bio = BIO_new_mem_buf(k->bytes, k->length);
    EVP_PKEY *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
    if (memmem(k->bytes, (size_t)k->length, "PRIVATE KEY", 11))
        cfg_error(file, "this is a private key, which only who issues tokens should have; give the public one "
                        "(openssl pkey -in FILE -pubout)");
    else if (!key)
        cfg_error(file, "a public key in PEM was expected: -----BEGIN PUBLIC KEY-----");
    else if (!fits(key, k->algorithm))
        cfg_error(file, k->algorithm == TOKEN_ES256 ? "ES256 takes a key on the curve P-256"
                                                    : "RS256 takes an RSA key of at least 2048 bits");
    EVP_PKEY_free(key);
    BIO_free(bio);
}

static void read_key(struct token_key *k, struct arena *a, const struct cfg *c)
{
    static const char *const keys[] = {"file", "algorithm", "kid", NULL};
    static const char *const algorithms[] = {
        [TOKEN_HS256] = "HS256", [TOKEN_RS256] = "RS256", [TOKEN_ES256] = "ES256", NULL};
    struct stat st;
    struct buf text;
    cfg_keys(c, keys);
    const struct cfg *file = cfg_get(c, "file");
    const char *path = cfg_need_string(c, "file");
    int algorithm = cfg_choice(c, "algorithm", algorithms, -1);
    *k = (struct token_key){.kid = cfg_string(c, "kid", NULL)};
    if (!*path || algorithm < 0)
        return;
    k->algorithm = (enum token_algorithm)algorithm;
    buf_init(&text, LARGEST_KEY);
    if (file_read(&text, cfg_resolve(c, path), &st) < 0) {
        cfg_error(file, "the key cannot be read");
    } else {
        k->length = (int)without_line_end(&text);
        k->bytes = arena_memdup(a, buf_str(&text), text.len);
        if (k->algorithm == TOKEN_HS256)
            check_secret(file, k, &st);
        else
            check_public(file, k);
    }
    if (text.data)
        OPENSSL_cleanse(text.data, text.len);
    buf_release(&text);
}

void token_keys_read(struct tokens *t, struct arena *a, const struct cfg *section)
{
    static const char *const keys[] = {"keys", "audience", "anonymous", NULL};
    *t = (struct tokens){0};
    if (!section->value)
        return;
    cfg_keys(section, keys);
    const struct cfg *list = cfg_get(section, "keys");
    size_t n = cfg_length(list);
    if (n < 1 || n > MOST_TOKEN_KEYS) {
        cfg_error(list, "from one to %d keys were expected", MOST_TOKEN_KEYS);
        return;
    }
    struct token_key *all = arena_array(a, n, sizeof *all);
    for (size_t i = 0; i < n; i++)
        read_key(&all[i], a, cfg_at(list, i));
    *t = (struct tokens){.keys = all,
                         .n = n,
                         .audience = cfg_string(section, "audience", NULL),
                         .anonymous = cfg_bool(section, "anonymous", false)};
}
