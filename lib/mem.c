#include "lib/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST_BLOCK = 4096, LARGEST_BLOCK = 1 << 20 };

struct arena_block {
    struct arena_block *next;
    size_t size, used;
    max_align_t data[];
};

struct arena_hook {
    struct arena_hook *next;
    void (*release)(void *);
    void *object;
};

static _Noreturn void die_of_memory(void)
{
    static const char text[] = "oriel: out of memory; ending. Nothing that was committed is lost.\n";
    ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);
    (void)ignored;
    abort();
}

void *mem_alloc(size_t size)
{
    void *p = calloc(1, size ? size : 1);
    if (!p)
        die_of_memory();
    return p;
}

void *mem_realloc(void *old, size_t size)
{
    void *p = realloc(old, size ? size : 1);
    if (!p)
        die_of_memory();
    return p;
}

char *mem_strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    return memcpy(mem_alloc(n), s, n);
}

void arena_init(struct arena *a)
{
    *a = (struct arena){0};
}

static void run_hooks(struct arena *a)
{
    while (a->hooks) {
        struct arena_hook *h = a->hooks;
        a->hooks = h->next; /* first, so that a hook which looks at the arena does not see itself */
        h->release(h->object);
    }
}

void arena_reset(struct arena *a)
{
    run_hooks(a);
    if (!a->blocks)
        return;
    while (a->blocks->next) {
        struct arena_block *b = a->blocks;
        a->blocks = b->next;
        free(b);
    }
    memset(a->blocks->data, 0, a->blocks->used);
    a->blocks->used = 0;
}

void arena_release(struct arena *a)
{
    run_hooks(a);
    while (a->blocks) {
        struct arena_block *b = a->blocks;
        a->blocks = b->next;
        free(b);
    }
}

void *arena_alloc(struct arena *a, size_t size)
{
    const size_t align = _Alignof(max_align_t);
    if (size > SIZE_MAX / 2)
        die_of_memory();
    size = (size + align - 1) / align * align;
    if (!a->blocks || a->blocks->size - a->blocks->used < size) {
        /* Blocks double, so an arena of any size takes few of them; the oldest stays small, which a reset keeps. */
        size_t room = a->blocks ? a->blocks->size * 2 : FIRST_BLOCK;
        if (room > LARGEST_BLOCK)
            room = LARGEST_BLOCK;
        if (room < size)
            room = size;
        struct arena_block *b = mem_alloc(sizeof *b + room);
        b->size = room;
        b->next = a->blocks;
        a->blocks = b;
    }
    void *p = (char *)a->blocks->data + a->blocks->used;
    a->blocks->used += size;
    return p;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
    if (size && n > SIZE_MAX / size)
        die_of_memory();
    return arena_alloc(a, n * size);
}

char *arena_memdup(struct arena *a, const void *p, size_t n)
{
    char *copy = arena_alloc(a, n + 1);
    if (n)
        memcpy(copy, p, n);
    return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return arena_memdup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *format, ...)
{
    char usual[256]; /* tried first, since formatting twice costs more than a copy */
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(usual, sizeof usual, format, args);
    va_end(args);
    size_t length = n < 0 ? 0 : (size_t)n;
    char *s = arena_alloc(a, length + 1);
    if (length < sizeof usual)
        memcpy(s, usual, length);
    else
        vsnprintf(s, length + 1, format, again);
    va_end(again);
    return s;
}

void arena_hook(struct arena *a, void (*release)(void *), void *object)
{
    struct arena_hook *h = arena_alloc(a, sizeof *h);
    *h = (struct arena_hook){.next = a->hooks, .release = release, .object = object};
    a->hooks = h;
}
