/*
 * The section "tokens" of the responder's configuration: keys, each in a file of its own, and what a token must say.
 */
#ifndef ORIEL_TOKEN_KEY_H
#define ORIEL_TOKEN_KEY_H

#include "fcgi-app/token.h"
#include "lib/cfg.h"

enum { MOST_TOKEN_KEYS = 8 }; /* a token that names no key is tried with each */

/* Reads section; an absent one gives no keys. Mistakes, those in the files of keys too, are told by cfg_error(). t
 * lives in a. */
void token_keys_read(struct tokens *t, struct arena *a, const struct cfg *section);

#endif
