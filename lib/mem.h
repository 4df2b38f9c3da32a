/*
 * Memory. Oriel's programs are built to be killed: the worker's work is one transaction, a responder has a master that
 * starts it again. So when the system has no memory left they say so and end, and no caller checks for NULL. What
 * strangers can make large is bounded elsewhere: struct buf has a maximum, readers and requests have limits.
 */
#ifndef ORIEL_MEM_H
#define ORIEL_MEM_H

#include "lib/base.h"

void *mem_alloc(size_t size);            /* zeroed; never NULL */
void *mem_realloc(void *p, size_t size); /* never NULL */
char *mem_strdup(const char *s);         /* never NULL */

/*
 * An arena: the memory of one request, one batch or one configuration. What is taken from it lives until
 * arena_release() (or arena_reset(), which keeps the first block for the next round) and is never freed singly.
 */
struct arena_block;
struct arena_hook;
struct arena {
    struct arena_block *blocks;
    struct arena_hook *hooks;
};

void arena_init(struct arena *a);                          /* allocates nothing */
void arena_reset(struct arena *a);                         /* runs the hooks, last first; frees all but one block */
void arena_release(struct arena *a);                       /* runs the hooks, last first; frees everything */
void *arena_alloc(struct arena *a, size_t size);           /* zeroed, aligned for anything */
void *arena_array(struct arena *a, size_t n, size_t size); /* as arena_alloc(n * size), dies on overflow */
char *arena_strdup(struct arena *a, const char *s);
char *arena_memdup(struct arena *a, const void *p, size_t n); /* n bytes and a NUL behind them */
char *arena_printf(struct arena *a, const char *format, ...) printf_like(2, 3) __attribute__((nonnull(2)));
/* Calls release(object) when the arena is reset or released: for a PGresult or a json_object that lives as long. */
void arena_hook(struct arena *a, void (*release)(void *), void *object);

#endif
