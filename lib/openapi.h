/*
 * The contracts as an OpenAPI 3.1 document: what may be asked of the responders, and what comes back.
 */
#ifndef ORIEL_OPENAPI_H
#define ORIEL_OPENAPI_H

#include "lib/contract.h"

/* Who may ask; decides whether requests carry a token. */
enum openapi_access { OPENAPI_OPEN, OPENAPI_TOKEN, OPENAPI_TOKEN_OR_NONE };
/* What the section "responder" of the configuration says of it. */
enum openapi_access openapi_access_read(const struct cfg *responder);

/*
 * Describes the contracts of one version, or of all (version 0), whether or not the database holds them now. Stable:
 * equal contracts give equal bytes. `servers` is left out, so paths are meant from where the document was read.
 * info.version names the state of these contracts: it changes when anything of them changes. Pure. -1, with nothing
 * written, when there is no contract of that version.
 */
int openapi_print(const struct contract_set *set, int version, enum openapi_access access, struct buf *out) must_check;

#endif
