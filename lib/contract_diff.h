/*
 * What changed between two states of the contracts, by one static table of rules.
 */
#ifndef ORIEL_CONTRACT_DIFF_H
#define ORIEL_CONTRACT_DIFF_H

#include "lib/contract.h"

/* Sorted by weight: the worst of several is the greatest. The values are `oriel contract check`'s exit codes. */
enum contract_verdict {
    CONTRACT_SAME = 0,
    CONTRACT_OK = 1,   /* compatible: readers need not know */
    CONTRACT_ACK = 2,  /* may be wanted: somebody must say so in the lock file */
    CONTRACT_BREAK = 3 /* only in a new version */
};

struct contract_rule {
    const char *name;   /* "column_removed" */
    const char *mirror; /* the rule that the opposite change triggers; a test holds the table to it */
    enum contract_verdict verdict;
    const char *why;     /* why it matters to a reader */
    const char *instead; /* what to do instead; "" for OK */
};
extern const struct contract_rule contract_rules[];
extern const size_t n_contract_rules;

struct contract_difference {
    const struct contract_rule *rule;
    const char *view;           /* the contract */
    const char *column;         /* NULL when it is about the whole contract */
    const char *before, *after; /* NULL where there is none */
};

struct contract_differences {
    struct contract_difference *list; /* by contract, then in the order of the columns */
    size_t n;
    enum contract_verdict verdict; /* the worst of them */
};

/* Pure. agreed is the lock file's side, found the catalog's. */
void contract_compare(struct contract_differences *d, struct arena *a, const struct contract_set *agreed,
                      const struct contract_set *found);
/* The same for one contract; found NULL when the catalog does not have it. set: all that the catalog has, to know
 * whether what a foreign key led to is gone; NULL when that is not known. */
void contract_compare_one(struct contract_differences *d, struct arena *a, const struct contract *agreed,
                          const struct contract *found, const struct contract_set *set);
/* Sixteen hexadecimal digits that name this very difference: equal for equal rule, place, before and after. */
const char *contract_difference_fingerprint(struct arena *a, const struct contract_difference *d);
/* Whether the lock file acknowledges it. */
bool contract_difference_acknowledged(const struct contract_set *lock, struct arena *a,
                                      const struct contract_difference *d);
extern const char *const contract_verdict_names[]; /* "same", "ok", "ACK", "BREAK" */
/* One difference as a sentence: "v_products_v1.price: type numeric(12,2) -> numeric: …". */
const char *contract_difference_text(struct arena *a, const struct contract_difference *d);

/* The same for strangers: the rule, and for a column what became of it; no role, no definition, no advice. */
const char *contract_difference_public(struct arena *a, const struct contract_difference *d);

#endif
