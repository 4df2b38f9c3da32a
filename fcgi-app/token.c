#include "fcgi-app/token.h"

#include <json-c/json.h>
#include <jwt.h>
#include <string.h>
#include <strings.h>

#include "fcgi-app/plan_error.h"

enum {
    SKEW = 30,         /* seconds by which clocks may differ */
    LONGEST = 16 << 10 /* bytes of a token; nginx has no room for more */
};

static const jwt_alg_t algorithms[N_TOKEN_ALGORITHMS] = {
    [TOKEN_HS256] = JWT_ALG_HS256, [TOKEN_RS256] = JWT_ALG_RS256, [TOKEN_ES256] = JWT_ALG_ES256};

static int fail(struct api_error *e, const char *message, const char *details, const char *hint)
{
    return plan_fail(e, "PGRST301", message, details, hint);
}

/* The token of an Authorization; NULL when it has none. */
static const char *bearer(const char *authorization)
{
    static const char scheme[] = "Bearer";
    size_t n = sizeof scheme - 1;
    const char *rest = authorization + strspn(authorization, " \t");
    if (strncasecmp(rest, scheme, n) != 0 || (rest[n] && rest[n] != ' '))
        return NULL;
    return rest + n + strspn(rest + n, " ");
}

/* Three parts, of the letters of base64url (RFC 7515, section 3.1). */
static int check_form(struct arena *a, const char *token, struct api_error *e)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
    size_t parts = 1, n = strlen(token);
    if (!n)
        return fail(e, "Empty JWT is sent in Authorization header", NULL, NULL);
    for (const char *p = token; *p; p++)
        parts += *p == '.';
    if (parts != 3)
        return fail(e, arena_printf(a, "Expected 3 parts in JWT; got %zu", parts), NULL, NULL);
    if (n > LONGEST || strspn(token, letters) != n)
        return fail(e, "JWT cryptographic operation failed", "The token is too long, or not written in base64url.",
                    NULL);
    return 0;
}

/* What a token says of itself, and nobody vouches for. */
struct header {
    jwt_alg_t algorithm;
    const char *kid; /* NULL for none */
};

static int read_header(struct header *h, struct arena *a, const char *token, struct api_error *e)
{
    jwt_t *jwt = NULL;
    if (jwt_decode(&jwt, token, NULL, 0) != 0) /* without a key it reads and does not verify */
        return fail(
            e, "JWT cryptographic operation failed",
            "Its header and its claims must be objects of JSON, \"alg\" an algorithm, and \"typ\" JWT or absent.",
            NULL);
    const char *kid = jwt_get_header(jwt, "kid"), *algorithm = jwt_get_header(jwt, "alg");
    char *critical = jwt_get_headers_json(jwt, "crit");
    *h = (struct header){.algorithm = algorithm ? jwt_str_alg(algorithm) : JWT_ALG_INVAL,
                         .kid = kid ? arena_strdup(a, kid) : NULL};
    int result = critical
                     ? fail(e, "Unsupported token type", "Extensions that a token calls critical are not known.", NULL)
                     : 0; /* RFC 7515, section 4.1.11 */
    free(critical);
    jwt_free(jwt);
    return result;
}

/* The token, when k's signature on it holds; NULL otherwise. */
static jwt_t *verify(const struct token_key *k, const char *token)
{
    jwt_t *jwt = NULL;
    if (jwt_decode(&jwt, token, k->bytes, k->length) != 0)
        return NULL;
    if (jwt_get_alg(jwt) == algorithms[k->algorithm])
        return jwt;
    jwt_free(jwt);
    return NULL;
}

static bool knows_algorithm(const struct tokens *t, jwt_alg_t algorithm)
{
    for (size_t i = 0; i < t->n; i++)
        if (algorithms[t->keys[i].algorithm] == algorithm)
            return true;
    return false;
}

/* The claims of a token that one of the keys has signed, as JSON. */
static int read_claims(const char **claims, struct arena *a, const struct tokens *t, const char *token,
                       struct api_error *e)
{
    struct header h = {0};
    jwt_t *jwt = NULL;
    if (read_header(&h, a, token, e) < 0)
        return -1;
    if (!knows_algorithm(t, h.algorithm))
        return fail(e, "Wrong or unsupported encoding algorithm", NULL, NULL);
    for (size_t i = 0; i < t->n && !jwt; i++) {
        const struct token_key *k = &t->keys[i];
        if (algorithms[k->algorithm] == h.algorithm && (!k->kid || !h.kid || strcmp(k->kid, h.kid) == 0))
            jwt = verify(k, token);
    }
    if (!jwt)
        return fail(e, "No suitable key or wrong key type", "None of the keys was able to decode the JWT", NULL);
    char *json = jwt_get_grants_json(jwt, NULL);
    *claims = json ? arena_strdup(a, json) : "";
    free(json);
    jwt_free(jwt);
    return 0;
}

/* --- what the claims say of the token itself (RFC 7519, section 4.1) --- */

static int fail_claim(struct api_error *e, const char *message)
{
    return plan_fail(e, "PGRST303", message, NULL, NULL);
}

static bool is_number(struct json_object *o)
{
    return json_object_is_type(o, json_type_int) || json_object_is_type(o, json_type_double);
}

static int check_times(struct json_object *claims, int64_t now, struct api_error *e)
{
    static const struct {
        const char *name, *message, *no_number;
        int sign; /* 1: it must not lie in the future; -1: nor in the past */
    } times[] = {
        {"exp", "JWT expired", "The JWT 'exp' claim must be a number", -1},
        {"nbf", "JWT not yet valid", "The JWT 'nbf' claim must be a number", 1},
        {"iat", "JWT issued at future", "The JWT 'iat' claim must be a number", 1},
    };
    for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
        struct json_object *time = json_object_object_get(claims, times[i].name);
        if (!time)
            continue;
        if (!is_number(time))
            return fail_claim(e, times[i].no_number);
        if ((json_object_get_double(time) - (double)now) * times[i].sign > SKEW)
            return fail_claim(e, times[i].message);
    }
    return 0;
}

static bool is_text(struct json_object *o, const char *text)
{
    return json_object_is_type(o, json_type_string) && strcmp(json_object_get_string(o), text) == 0;
}

static int check_audience(struct json_object *claims, const char *audience, struct api_error *e)
{
    static const char no_list[] = "The JWT 'aud' claim must be a string or an array of strings";
    struct json_object *aud = json_object_object_get(claims, "aud");
    bool named = is_text(aud, audience);
    if (!aud || named)
        return 0;
    if (json_object_is_type(aud, json_type_string))
        return fail_claim(e, "JWT not in audience");
    if (!json_object_is_type(aud, json_type_array))
        return fail_claim(e, no_list);
    size_t n = json_object_array_length(aud);
    for (size_t i = 0; i < n; i++) {
        struct json_object *one = json_object_array_get_idx(aud, i);
        if (!json_object_is_type(one, json_type_string))
            return fail_claim(e, no_list);
        named = named || is_text(one, audience);
    }
    return named || !n ? 0 : fail_claim(e, "JWT not in audience");
}

static int check_claims(const char *json, const struct tokens *t, int64_t now, struct api_error *e)
{
    struct json_object *claims = json_tokener_parse(json);
    int result = -1;
    if (!json_object_is_type(claims, json_type_object))
        fail_claim(e, "Parsing claims failed");
    else if (check_times(claims, now, e) == 0 && (!t->audience || check_audience(claims, t->audience, e) == 0))
        result = 0;
    json_object_put(claims);
    return result;
}

int token_claims(const char **claims, struct arena *a, const struct tokens *t, const char *authorization, int64_t now,
                 struct api_error *error)
{
    const char *token = bearer(authorization);
    *claims = t->n ? "" : NULL;
    if (!token)
        return !t->n || t->anonymous ? 0
                                     : plan_fail(error, "PGRST302", "Anonymous access is disabled", NULL,
                                                 "Send a token: \"Authorization: Bearer …\".");
    if (!t->n)
        return plan_fail(error, "PGRST300", "Server lacks JWT secret", NULL,
                         "No key is configured, so no token can be checked; ask without one.");
    if (check_form(a, token, error) < 0 || read_claims(claims, a, t, token, error) < 0)
        return -1;
    return check_claims(*claims, t, now, error);
}
