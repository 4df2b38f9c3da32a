/*
 * The sample that `oriel new` looks at: a client's files, how they are to be read, and what was counted in them.
 */
#ifndef ORIEL_NEW_SAMPLE_H
#define ORIEL_NEW_SAMPLE_H

#include "worker/guess.h"
#include "worker/guess_format.h"
#include "worker/new_text.h"

struct new_sample {
    struct arena *arena;
    char *const *files;
    size_t n_files;
    long long most; /* records that are looked at */
    struct format format;
    const char **evidence; /* of each file's format */
    size_t broken;         /* records that cannot be read, or have lines in them, because of quotes */
    struct guess guess;
};

/* Guesses the format of every file, which must be one and the same. -1 after messages. */
int new_sample_format(struct new_sample *s) must_check;
/* Reads the records into the guess; the quotes of a CSV as letters where they break records and nothing speaks for
 * them. -1 after messages. */
int new_sample_read(struct new_sample *s) must_check;
/*
 * Cleans the records with the entity that came out of the guess, prints what became of them, and keeps one that went
 * through whole as an example for its tests; example->cleaned stays NULL where there is none. -1 after messages.
 */
int new_sample_clean(struct new_sample *s, const struct entity *e, struct new_example *example) must_check;

#endif
