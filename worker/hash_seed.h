/*
 * A number for hashes of what strangers send, another one in each process, so that nobody can prepare records which
 * collide.
 */
#ifndef ORIEL_HASH_SEED_H
#define ORIEL_HASH_SEED_H

#include <stdint.h>

/* Never 0. The first call must not be one of several threads. */
uint64_t hash_seed(void);

#endif
