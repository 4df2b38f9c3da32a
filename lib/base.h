/*
 * Included by every file: what all of Oriel agrees on.
 */
#ifndef ORIEL_BASE_H
#define ORIEL_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
/* these declare what is banned below, so they come first */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ORIEL_VERSION "0.1.0"

#define must_check        __attribute__((warn_unused_result))
#define printf_like(f, a) __attribute__((format(printf, f, a)))
#define ARRAY_SIZE(a)     (sizeof(a) / sizeof((a)[0]))

/* Exit codes of both programs. `oriel contract` adds its own meaning to 1, 2 and 3; its manual says so. */
enum exit_code {
    EXIT_OK = 0,
    EXIT_FAILED = 1, /* it was asked for something right, and could not do it */
    EXIT_USAGE = 2   /* a wrong option or an unreadable configuration; nothing was started */
};

/*
 * Functions that invite overflows, hidden state or silent misreading do not compile. Use struct buf, strtol, gmtime_r.
 */
#define ORIEL_BANNED(name) ORIEL_##name##_is_banned
#undef strcpy
#define strcpy(d, s) ORIEL_BANNED(strcpy)
#undef strcat
#define strcat(d, s) ORIEL_BANNED(strcat)
#undef sprintf
#define sprintf(...) ORIEL_BANNED(sprintf)
#undef vsprintf
#define vsprintf(...) ORIEL_BANNED(vsprintf)
#undef strtok
#define strtok(s, d) ORIEL_BANNED(strtok)
#undef gmtime
#define gmtime(t) ORIEL_BANNED(gmtime)
#undef localtime
#define localtime(t) ORIEL_BANNED(localtime)
#undef atoi
#define atoi(s) ORIEL_BANNED(atoi)

#endif
