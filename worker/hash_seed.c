#include "worker/hash_seed.h"

#include <stdlib.h>
#include <sys/random.h>

uint64_t hash_seed(void)
{
    static uint64_t at_random;
    while (!at_random)
        if (getrandom(&at_random, sizeof at_random, 0) != sizeof at_random)
            abort(); /* a kernel that has no randomness */
    return at_random;
}
