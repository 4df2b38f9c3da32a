/*
 * `oriel contract openapi` and `oriel contract types`: what a lock file promises, for the programs of its readers.
 */
#ifndef ORIEL_CONTRACT_PRINT_H
#define ORIEL_CONTRACT_PRINT_H

#include "lib/settings.h"

/* Prints the OpenAPI document of the contracts of one version, 0 for all, to standard output. Returns an enum
 * exit_code. */
int contract_print_openapi(struct arena *a, const struct settings *settings, int version) must_check;
/* Prints the TypeScript types. Returns an enum exit_code. */
int contract_print_types(struct arena *a, const char *lock_path) must_check;

#endif
