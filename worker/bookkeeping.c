#include "worker/bookkeeping.h"

#define EMBED(name, file)                                                                                              \
    __asm__(".section .rodata\n.global " #name "\n" #name ":\n.incbin \"" file "\"\n.byte 0\n.previous\n");            \
    extern const char name[]

EMBED(bookkeeping_roles, "sql/roles.sql");
EMBED(bookkeeping_0001, "sql/bookkeeping/0001-start.sql");

const struct bookkeeping_step bookkeeping_steps[] = {
    {1, "sql/bookkeeping/0001-start.sql", bookkeeping_0001},
};
const int bookkeeping_version = ARRAY_SIZE(bookkeeping_steps);
