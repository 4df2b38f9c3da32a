/* Tokens: what is taken, what is refused and with which words, by keys that are made here. */
#include "t/unit/tap.h"

#include <jwt.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fcgi-app/options.h"
#include "fcgi-app/token.h"
#include "lib/log.h"
#include "t/unit/plan_api.h"

enum { NOW = 1800000000 };

static struct arena a;
static const char secret[] = "a secret that is long enough for HS256",
                  other_secret[] = "another secret, just as long as that one";

struct pair {
    const char *private, *public; /* PEM */
};

static const char *pem_of(EVP_PKEY *key, bool private)
{
    char *text;
    BIO *bio = BIO_new(BIO_s_mem());
    int written =
        private ? PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) : PEM_write_bio_PUBKEY(bio, key);
    long n = BIO_get_mem_data(bio, &text);
    const char *pem = written ? arena_memdup(&a, text, (size_t)n) : "";
    BIO_free(bio);
    return pem;
}

static struct pair new_pair(EVP_PKEY *key)
{
    struct pair pair = {pem_of(key, true), pem_of(key, false)};
    EVP_PKEY_free(key);
    return pair;
}

static const char *sign(jwt_alg_t algorithm, const char *key, const char *kid, const char *claims)
{
    jwt_t *jwt;
    if (jwt_new(&jwt) != 0 || jwt_add_grants_json(jwt, claims) != 0 || (kid && jwt_add_header(jwt, "kid", kid) != 0) ||
        jwt_set_alg(jwt, algorithm, (const unsigned char *)key, key ? (int)strlen(key) : 0) != 0)
        return "";
    char *text = jwt_encode_str(jwt);
    const char *token = arena_strdup(&a, text ? text : "");
    free(text);
    jwt_free(jwt);
    return token;
}

static struct token_key key_of(enum token_algorithm algorithm, const char *bytes, const char *kid)
{
    return (struct token_key){algorithm, kid, bytes, (int)strlen(bytes)};
}

static struct api_error error;
static const char *claims;

/* "CODE message" of the error, or the claims. */
static const char *take(const struct tokens *t, const char *authorization)
{
    error = (struct api_error){0};
    if (token_claims(&claims, &a, t, authorization, NOW, &error) == 0)
        return claims;
    return arena_printf(&a, "%d %s %s", error.status, error.code, error.message);
}

static const char *take_token(const struct tokens *t, const char *token)
{
    return take(t, arena_printf(&a, "Bearer %s", token));
}

static const char no_suitable_key[] = "401 PGRST301 No suitable key or wrong key type",
                  wrong_algorithm[] = "401 PGRST301 Wrong or unsupported encoding algorithm",
                  unreadable[] = "401 PGRST301 JWT cryptographic operation failed";

static void test_signatures(const struct pair *rsa, const struct pair *ec)
{
    struct token_key hs = key_of(TOKEN_HS256, secret, NULL), rs = key_of(TOKEN_RS256, rsa->public, NULL),
                     es = key_of(TOKEN_ES256, ec->public, NULL);
    struct tokens only_hs = {&hs, 1, NULL, false}, only_rs = {&rs, 1, NULL, false}, only_es = {&es, 1, NULL, false};
    const char *by_hs = sign(JWT_ALG_HS256, secret, NULL, "{\"client\":\"acme\"}");
    is(take_token(&only_hs, by_hs), "{\"client\":\"acme\"}", "HS256");
    is(take_token(&only_rs, sign(JWT_ALG_RS256, rsa->private, NULL, "{\"n\":1}")), "{\"n\":1}", "RS256");
    is(take_token(&only_es, sign(JWT_ALG_ES256, ec->private, NULL, "{\"n\":2}")), "{\"n\":2}", "ES256");
    is(take_token(&only_hs, sign(JWT_ALG_HS256, other_secret, NULL, "{}")), no_suitable_key, "another secret");
    is(error.details, "None of the keys was able to decode the JWT", "with PostgREST's words");
    is(take_token(&only_es, sign(JWT_ALG_RS256, rsa->private, NULL, "{}")), wrong_algorithm,
       "RS256 where there is no such key");
    is(take_token(&only_hs, sign(JWT_ALG_HS384, secret, NULL, "{}")), wrong_algorithm, "HS384");
    is(take_token(&only_rs, sign(JWT_ALG_NONE, NULL, NULL, "{}")), wrong_algorithm, "no algorithm at all");
    /* the public key, which everybody has, as if it were a secret */
    is(take_token(&only_rs, sign(JWT_ALG_HS256, rsa->public, NULL, "{}")), wrong_algorithm, "a public key as a secret");
    struct token_key both[] = {rs, hs};
    struct tokens rs_and_hs = {both, 2, NULL, false};
    is(take_token(&rs_and_hs, sign(JWT_ALG_HS256, rsa->public, NULL, "{}")), no_suitable_key,
       "also where HS256 has a key too");
    is(take_token(&rs_and_hs, by_hs), "{\"client\":\"acme\"}", "of two keys either counts");
    char *changed = arena_strdup(&a, by_hs);
    changed[strlen(changed) - 5] ^= 1;
    is(take_token(&only_hs, changed), no_suitable_key, "a signature that was changed");
    char *claims_changed = arena_strdup(&a, by_hs), *dot = strchr(claims_changed, '.');
    dot[8] = dot[8] == 'A' ? 'B' : 'A';
    ok(strncmp(take_token(&only_hs, claims_changed), "401 PGRST301", 12) == 0, "claims that were changed");
    const char *unsigned_one = arena_printf(&a, "%.*s", (int)(strrchr(by_hs, '.') - by_hs + 1), by_hs);
    is(take_token(&only_hs, unsigned_one), no_suitable_key, "no signature");
}

static void test_key_names(void)
{
    struct token_key keys[] = {key_of(TOKEN_HS256, secret, "old"), key_of(TOKEN_HS256, other_secret, "new")};
    struct tokens t = {keys, 2, NULL, false};
    is(take_token(&t, sign(JWT_ALG_HS256, secret, "old", "{}")), "{}", "the old key");
    is(take_token(&t, sign(JWT_ALG_HS256, other_secret, "new", "{}")), "{}", "the new key");
    is(take_token(&t, sign(JWT_ALG_HS256, other_secret, NULL, "{}")), "{}",
       "a token that names none is tried with all");
    is(take_token(&t, sign(JWT_ALG_HS256, other_secret, "old", "{}")), no_suitable_key,
       "one that names the other is not");
    is(take_token(&t, sign(JWT_ALG_HS256, secret, "older", "{}")), no_suitable_key, "a key that is not there");
    keys[0].kid = NULL;
    is(take_token(&t, sign(JWT_ALG_HS256, secret, "older", "{}")), "{}", "a key without a name is tried with all");
}

static void test_headers(void)
{
    struct token_key hs = key_of(TOKEN_HS256, secret, NULL);
    struct tokens t = {&hs, 1, NULL, false}, open = {0};
    const char *token = sign(JWT_ALG_HS256, secret, NULL, "{}");
    is(take(&t, ""), "401 PGRST302 Anonymous access is disabled", "no token where one is needed");
    is(take(&t, "Basic YTpi"), "401 PGRST302 Anonymous access is disabled", "another scheme is no token");
    is(take(&t, "Bearers x"), "401 PGRST302 Anonymous access is disabled", "Bearer is a word");
    is(take(&t, arena_printf(&a, "bEARER  %s", token)), "{}", "the scheme in any case");
    is(take(&t, "Bearer"), "401 PGRST301 Empty JWT is sent in Authorization header", "no token behind Bearer");
    is(take(&t, "Bearer a.b"), "401 PGRST301 Expected 3 parts in JWT; got 2", "two parts");
    is(take(&t, "Bearer a.b.c"), unreadable, "what is no JSON");
    is(take(&t, arena_printf(&a, "Bearer %s x", token)), unreadable, "something behind it");
    is(take(&t, arena_printf(&a, "Bearer %s=", token)), unreadable, "padding");
    is(take(&open, ""), NULL, "without a key nobody asks for one");
    is(take(&open, arena_printf(&a, "Bearer %s", token)), "500 PGRST300 Server lacks JWT secret",
       "nor can one be checked");
    t.anonymous = true;
    is(take(&t, ""), "", "where anonymous is on, the claims are empty");
    ok(strncmp(take(&t, "Bearer x.y.z"), "401", 3) == 0, "but a wrong token is not no token");
    /* {"alg":"HS256","crit":["b64"],"b64":false} and {"alg":"HS256","typ":"JOSE"}, before claims without a signature */
    is(take(&t, "Bearer eyJhbGciOiJIUzI1NiIsImNyaXQiOlsiYjY0Il0sImI2NCI6ZmFsc2V9.e30.x"),
       "401 PGRST301 Unsupported token type", "critical extensions");
    is(take(&t, "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpPU0UifQ.e30.x"), unreadable, "another type");
}

static void test_claims(void)
{
    static const struct {
        const char *claims, *refused; /* NULL: taken */
    } cases[] = {
        {"{\"exp\":1799999970}", NULL},
        {"{\"exp\":1799999969}", "JWT expired"},
        {"{\"exp\":1799999970.5}", NULL},
        {"{\"exp\":0}", "JWT expired"},
        {"{\"exp\":\"1900000000\"}", "The JWT 'exp' claim must be a number"},
        {"{\"exp\":null}", NULL},
        {"{\"nbf\":1800000030}", NULL},
        {"{\"nbf\":1800000031}", "JWT not yet valid"},
        {"{\"nbf\":1e300}", "JWT not yet valid"},
        {"{\"nbf\":true}", "The JWT 'nbf' claim must be a number"},
        {"{\"iat\":1800000030}", NULL},
        {"{\"iat\":1800000031}", "JWT issued at future"},
        {"{\"iat\":[]}", "The JWT 'iat' claim must be a number"},
        {"{\"exp\":1900000000,\"nbf\":1700000000,\"iat\":1700000000}", NULL},
        {"{\"aud\":\"oriel\"}", NULL},
        {"{\"aud\":\"other\"}", "JWT not in audience"},
        {"{\"aud\":[\"other\",\"oriel\"]}", NULL},
        {"{\"aud\":[\"other\"]}", "JWT not in audience"},
        {"{\"aud\":[]}", NULL},
        {"{\"aud\":[\"oriel\",1]}", "The JWT 'aud' claim must be a string or an array of strings"},
        {"{\"aud\":{\"oriel\":1}}", "The JWT 'aud' claim must be a string or an array of strings"},
    };
    struct token_key hs = key_of(TOKEN_HS256, secret, NULL);
    struct tokens t = {&hs, 1, "oriel", false};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *result = take_token(&t, sign(JWT_ALG_HS256, secret, NULL, cases[i].claims));
        if (cases[i].refused)
            is(result, arena_printf(&a, "401 PGRST303 %s", cases[i].refused), cases[i].claims);
        else
            ok(*result == '{', "%s is taken", cases[i].claims);
    }
    t.audience = NULL;
    is(take_token(&t, sign(JWT_ALG_HS256, secret, NULL, "{\"aud\":\"other\"}")), "{\"aud\":\"other\"}",
       "no audience is asked for");
}

/* What a plan makes of it. */
static void test_plan(void)
{
    struct token_key hs = key_of(TOKEN_HS256, secret, NULL);
    struct tokens t = {&hs, 1, NULL, true};
    struct api api = test_api;
    struct request r = plain_request;
    struct plan p;
    api.tokens = &t;
    r.prefer = "count=planned";
    plan_make(&p, &a, &api, &r);
    ok(p.kind == PLAN_ROWS && p.claims && !*p.claims && p.takes_tokens, "without a token the claims are empty");
    ok(p.count == COUNT_EXACT && !p.estimate_sql, "nothing is estimated from rows that others have");
    r.authorization = arena_printf(&a, "Bearer %s", sign(JWT_ALG_HS256, secret, NULL, "{\"n\":1}"));
    plan_make(&p, &a, &api, &r);
    is(p.claims, "{\"n\":1}", "with one they are its");
    r.path = "/v1/nothing";
    r.authorization = "Bearer x";
    plan_make(&p, &a, &api, &r);
    is(p.error.code, "PGRST301", "who asks comes before what is asked for");
    r.method = "OPTIONS";
    r.origin = "https://app.example";
    r.asked_method = "GET";
    api.origins = (const char *const[]){"*", NULL};
    plan_make(&p, &a, &api, &r);
    ok(p.kind == PLAN_OPTIONS, "but a preflight, which carries no token, is answered");
    plan_make(&p, &a, &test_api, &plain_request);
    ok(p.kind == PLAN_ROWS && !p.claims && !p.takes_tokens, "an open API sets no claims");
}

static char folder[] = "/tmp/oriel-token-XXXXXX";

static void write_key(const char *name, const char *text, mode_t mode)
{
    const char *path = arena_printf(&a, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    if (!f || fputs(text, f) == EOF || fclose(f) == EOF || chmod(path, mode) < 0)
        tap_ok(0, TAP_HERE, "cannot write %s", path);
}

static void test_configuration(const struct pair *rsa, const struct pair *ec)
{
    static const struct {
        const char *tokens, *mistake; /* NULL: none */
    } cases[] = {
        {"{\"keys\":[{\"file\":\"secret\",\"algorithm\":\"HS256\"}]}", NULL},
        {"{\"keys\":[{\"file\":\"rsa\",\"algorithm\":\"RS256\",\"kid\":\"1\"},{\"file\":\"ec\",\"algorithm\":\"ES256\"}"
         "],"
         "\"audience\":\"x\",\"anonymous\":true}",
         NULL},
        {"{}", "tokens.keys: from one to 8 keys were expected"},
        {"{\"keys\":[]}", "from one to 8 keys were expected"},
        {"{\"keys\":[{\"file\":\"secret\",\"algorithm\":\"none\"}]}", "algorithm"},
        {"{\"keys\":[{\"algorithm\":\"HS256\"}]}", "tokens.keys[0]: the key \"file\" is missing"},
        {"{\"keys\":[{\"file\":\"absent\",\"algorithm\":\"HS256\"}]}", "the key cannot be read"},
        {"{\"keys\":[{\"file\":\".\",\"algorithm\":\"HS256\"}]}", "it is no regular file"},
        {"{\"keys\":[{\"file\":\"short\",\"algorithm\":\"HS256\"}]}",
         "the secret has 5 bytes; HS256 takes at least 32"},
        {"{\"keys\":[{\"file\":\"open\",\"algorithm\":\"HS256\"}]}", "everybody may read the secret: chmod o-r it"},
        {"{\"keys\":[{\"file\":\"rsa\",\"algorithm\":\"HS256\"}]}", "this is no secret but a key in PEM"},
        {"{\"keys\":[{\"file\":\"private\",\"algorithm\":\"RS256\"}]}", "this is a private key"},
        {"{\"keys\":[{\"file\":\"weak\",\"algorithm\":\"RS256\"}]}", "RS256 takes an RSA key of at least 2048 bits"},
        {"{\"keys\":[{\"file\":\"ec\",\"algorithm\":\"RS256\"}]}", "RS256 takes an RSA key"},
        {"{\"keys\":[{\"file\":\"p384\",\"algorithm\":\"ES256\"}]}", "ES256 takes a key on the curve P-256"},
        {"{\"keys\":[{\"file\":\"secret\",\"algorithm\":\"ES256\"}]}", "a public key in PEM was expected"},
        {"{\"keys\":[{\"file\":\"secret\",\"algorithm\":\"HS256\",\"secret\":\"x\"}]}", "secret: unknown key"},
    };
    struct buf log;
    struct options o;
    buf_init(&log, 10000);
    if (!mkdtemp(folder))
        tap_ok(0, TAP_HERE, "a folder");
    write_key("secret", arena_printf(&a, "%s\n", secret), 0640);
    write_key("open", secret, 0644);
    write_key("short", "short", 0600);
    write_key("rsa", rsa->public, 0644);
    write_key("private", rsa->private, 0600);
    write_key("weak", new_pair(EVP_RSA_gen(1024)).public, 0644);
    write_key("ec", ec->public, 0644);
    write_key("p384", new_pair(EVP_EC_gen("P-384")).public, 0644);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *text = arena_printf(&a, "{\"responder\":{\"tokens\":%s}}", cases[i].tokens);
        buf_reset(&log);
        log_capture(&log);
        const struct cfg *root = cfg_parse(&a, arena_printf(&a, "%s/oriel.json", folder), text, strlen(text));
        int result = root ? options_read(&o, &a, cfg_get(root, "responder")) : -1;
        log_capture(NULL);
        if (cases[i].mistake)
            ok(result < 0 && strstr(buf_str(&log), cases[i].mistake), "%s", cases[i].mistake);
        else
            ok(result == 0 && o.tokens.n, "%s is good", cases[i].tokens);
        if (i == 0)
            is_int(o.tokens.keys[0].length, (long long)strlen(secret), "a line's end is no part of a secret");
        if (i == 1)
            ok(o.tokens.n == 2 && strcmp(o.tokens.audience, "x") == 0 && o.tokens.anonymous, "all is read");
    }
    static const char *const names[] = {"secret", "open", "short", "rsa", "private", "weak", "ec", "p384"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        unlink(arena_printf(&a, "%s/%s", folder, names[i]));
    rmdir(folder);
    buf_release(&log);
}

int main(void)
{
    arena_init(&a);
    struct pair rsa = new_pair(EVP_RSA_gen(2048)), ec = new_pair(EVP_EC_gen("P-256"));
    test_signatures(&rsa, &ec);
    test_key_names();
    test_headers();
    test_claims();
    test_plan();
    test_configuration(&rsa, &ec);
    arena_release(&a);
    return tap_done();
}
