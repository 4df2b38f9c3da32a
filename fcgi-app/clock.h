/*
 * The time that timers of this side are measured in.
 */
#ifndef ORIEL_CLOCK_H
#define ORIEL_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Milliseconds of a clock that is never set, so only good for differences. */
static inline int64_t clock_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The same clock in microseconds, for measuring. */
static inline int64_t clock_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* How long to wait until at; 0 when it is past; at most a day, so that it fits any call that waits. */
static inline int clock_until(int64_t at, int64_t now)
{
    const int64_t day = 86400000;
    return at <= now ? 0 : (int)(at - now < day ? at - now : day);
}

#endif
