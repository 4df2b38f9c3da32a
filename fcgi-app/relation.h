/*
 * Relations between contracts, as the declared foreign keys make them. A foreign key names its target view, so it leads
 * to exactly one version of an entity; the way back is offered by every contract whose foreign key names this view.
 */
#ifndef ORIEL_RELATION_H
#define ORIEL_RELATION_H

#include "fcgi-app/plan.h"

/* A way from one contract, the origin, to another. */
struct relation {
    const struct api_contract *target;
    const struct contract_foreign_key *key;
    bool reverse;                           /* key is the target's and leads to the origin; otherwise the origin's */
    bool to_many;                           /* a row of the origin has any number of them; otherwise one or none */
    const struct api_contract *junction;    /* NULL; or: key is the junction's and leads to the origin, … */
    const struct contract_foreign_key *far; /* … and this, the junction's too, leads to the target */
};

/* A name and perhaps a hint, as a request gives them to say which relation is meant. */
struct relation_words {
    const char *name;
    const char *hint; /* NULL for none */
};

/*
 * Finds the relation of origin that the words mean. The name may be the entity of the other contract; the name or the
 * single column of a foreign key of the origin; the name of the key that a junction leads on by. The hint may be the
 * foreign key's name or column, or the junction's entity.
 *
 * A junction counts only where no foreign key leads there directly; of several versions of an entity that lead to the
 * origin, the one of the origin's own version counts, or else the lowest: so a contract that is published later changes
 * no answer. A contract that refers to itself is embedded by its entity's name as the many, by the key's name or column
 * as the one.
 *
 * -1 and PGRST200 when there is none, PGRST201 when there are several, ORIEL001 when it leads to or over a contract
 * that is withheld.
 */
int relation_find(struct relation *found, struct arena *a, const struct api *api, const struct contract *origin,
                  const struct relation_words *words, struct api_error *error) must_check;

#endif
