/*
 * The forms in which sources write numbers, dates and times, and the words that they have for yes, no and nothing.
 * Private to the guesser.
 */
#ifndef ORIEL_GUESS_FORM_H
#define ORIEL_GUESS_FORM_H

#include "worker/guess.h"

/* What of two forms that fit as many stands first here is taken. */
struct guess_form {
    const char *type; /* of the field */
    const char *keys; /* further keys, each with ", " before it */
    const char *sane; /* keys that only the guess has, to be strict; "" for none */
    const char *sql_type;
    const char *suffix; /* of the column's name; "" for none */
    bool loose;         /* takes texts that stricter forms refuse, so it counts only where they fit too little */
    bool around;        /* drops what stands beside a number: only if that is always the same, and no code */
};
extern const struct guess_form guess_forms[];
extern const size_t guess_n_forms;

/* All forms as the fields of one entity, each from the place "v". */
const struct entity *guess_form_entity(struct arena *a);

/* Words for "nothing"; those that are not `always` might be real texts, and mean nothing only for other types. */
struct guess_token {
    const char *text;
    bool always;
};
extern const struct guess_token guess_tokens[];
extern const size_t guess_n_tokens;

/* 1 yes, 0 no, -1 neither */
int guess_truth(const char *s, size_t n);

/* The operations that strings are looked at for, in the order in which they should run. */
extern const char *const guess_operations[4];

#endif
