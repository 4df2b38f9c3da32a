/*
 * The contracts as TypeScript: the `Database` type that @supabase/postgrest-js takes, so that a frontend which asks for
 * what no contract promises does not compile.
 *
 * Each version is a schema ("v1"), each contract one of its Views: there is nothing to insert into. Relationships are
 * the foreign keys whose target has the same version, because a schema cannot refer to another one.
 */
#ifndef ORIEL_TYPESCRIPT_H
#define ORIEL_TYPESCRIPT_H

#include "lib/contract.h"

/* Stable: equal contracts give equal bytes. Pure. */
void typescript_print(const struct contract_set *set, struct buf *out);

#endif
