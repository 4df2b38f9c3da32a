/*
 * Bearer tokens (RFC 6750) in the form of JWT (RFC 7519): who asks, as an issuer has signed it. The only file that
 * knows libjwt. Pure.
 *
 * What guards against forgery: a key is used with the one algorithm that the configuration gives it, never with one
 * that a token names; "none" is no algorithm of a key; claims are read only from a token whose signature has held.
 */
#ifndef ORIEL_TOKEN_H
#define ORIEL_TOKEN_H

#include "fcgi-app/plan.h"

enum token_algorithm { TOKEN_HS256, TOKEN_RS256, TOKEN_ES256, N_TOKEN_ALGORITHMS };

struct token_key {
    enum token_algorithm algorithm;
    const char *kid;   /* tokens that name another key are not tried with it; NULL: all are */
    const void *bytes; /* HS256: the secret; else the public key in PEM */
    int length;
};

struct tokens {
    const struct token_key *keys;
    size_t n;             /* 0: the API is open to everybody, and a token is of no use */
    const char *audience; /* a token that names others in "aud", but not this, is refused; NULL: none is */
    bool anonymous;       /* requests without a token are served */
};

/*
 * Who asks, by the value of the header Authorization ("" for none), at `now` in seconds since 1970. *claims gets the
 * claims as JSON, "" for a request without a token, NULL where there are no keys; it lives in a. Clocks may differ by
 * 30 s. Of an Authorization with another scheme than Bearer nothing is known here, so it counts as none.
 *
 * -1 and PGRST300 (a token, and no key), PGRST301 (it cannot be decoded, or its signature does not hold), PGRST302 (no
 * token where one is needed) or PGRST303 (its claims do not hold now, or not here); the texts are PostgREST's.
 */
int token_claims(const char **claims, struct arena *a, const struct tokens *t, const char *authorization, int64_t now,
                 struct api_error *error) must_check;

#endif
