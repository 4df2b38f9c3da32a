/*
 * The contracts as TypeScript: the `Database` type that @supabase/postgrest-js takes, so that a frontend which asks for
 * what no contract promises does not compile.
 *
 * Each version is a schema ("v1"), each contract one of its Views: there is nothing to insert into. Relationships are
 * the foreign keys. A schema cannot refer to another one, so the target of a foreign key into another version stands
 * among the Views once more, under its view's name ("v_vendors_v1"), which no path has: that embeds find its columns.
 */
#ifndef ORIEL_TYPESCRIPT_H
#define ORIEL_TYPESCRIPT_H

#include "lib/contract.h"

/* Stable: equal contracts give equal bytes. Pure. */
void typescript_print(const struct contract_set *set, struct buf *out);

#endif
