#include "fcgi-app/exchange.h"

#include <stdlib.h>

struct exchange *exchange_new(struct exchanges *all, struct server *s, struct connection *c)
{
    struct exchange *e = all->unused;
    if (e)
        all->unused = e->older;
    else {
        e = mem_alloc(sizeof *e);
        arena_init(&e->arena);
    }
    e->server = s;
    e->connection = c;
    e->task.flows = false;
    c->exchange = e;
    return e;
}

void exchange_recycle(struct exchanges *all, struct exchange *e)
{
    pipeline_expect_gone(&e->task);
    pipeline_expect_gone(&e->version_task);
    if (e->connection)
        e->connection->exchange = NULL;
    arena_reset(&e->arena);
    e->older = all->unused;
    all->unused = e;
}

void exchange_queue(struct exchanges *all, struct exchange *e)
{
    e->older = all->newest;
    e->newer = NULL;
    *(all->newest ? &all->newest->newer : &all->oldest) = e;
    all->newest = e;
    all->n++;
}

void exchange_unqueue(struct exchanges *all, struct exchange *e)
{
    *(e->older ? &e->older->newer : &all->oldest) = e->newer;
    *(e->newer ? &e->newer->older : &all->newest) = e->older;
    all->n--;
}

void exchanges_release(struct exchanges *all)
{
    while (all->unused) {
        struct exchange *e = all->unused;
        all->unused = e->older;
        arena_release(&e->arena);
        free(e);
    }
}
