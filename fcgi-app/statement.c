#include "fcgi-app/statement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "lib/text.h"

/* A stranger may choose texts that collide; chains stay short because the book is bounded. */
static struct statement **chain_of(struct statements *s, uint64_t hash)
{
    return &s->chains[hash % STATEMENTS_MAX];
}

static void unlink_use(struct statements *s, struct statement *t)
{
    *(t->older ? &t->older->newer : &s->oldest) = t->newer;
    *(t->newer ? &t->newer->older : &s->newest) = t->older;
}

static void link_newest(struct statements *s, struct statement *t)
{
    t->older = s->newest;
    t->newer = NULL;
    *(s->newest ? &s->newest->newer : &s->oldest) = t;
    s->newest = t;
}

static void free_statement(struct statement *t)
{
    free(t->sql);
    free(t);
}

struct statement *statement_find(struct statements *s, const char *sql)
{
    uint64_t hash = text_hash(sql);
    for (struct statement *t = *chain_of(s, hash); t; t = t->next) {
        if (t->hash != hash || strcmp(t->sql, sql) != 0)
            continue;
        unlink_use(s, t);
        link_newest(s, t);
        return t;
    }
    return NULL;
}

/* Takes out the one that was used longest ago, of those without users; -1 when there is none. */
static int displace(struct statements *s, char name[24])
{
    struct statement *t = s->oldest;
    while (t && t->users > 0)
        t = t->newer;
    if (!t)
        return -1;
    memcpy(name, t->name, sizeof t->name);
    statement_forget(s, t);
    return 0;
}

struct statement *statement_add(struct statements *s, const char *sql, char displaced[24])
{
    displaced[0] = 0;
    if (s->n == STATEMENTS_MAX && displace(s, displaced) < 0)
        return NULL;
    struct statement *t = mem_alloc(sizeof *t);
    snprintf(t->name, sizeof t->name, "s%llu", ++s->made);
    t->sql = mem_strdup(sql);
    t->hash = text_hash(sql);
    struct statement **chain = chain_of(s, t->hash);
    t->next = *chain;
    *chain = t;
    link_newest(s, t);
    s->n++;
    return t;
}

void statement_take(struct statement *t)
{
    t->users++;
}

void statement_give_back(struct statement *t)
{
    if (--t->users == 0 && t->state == STATEMENT_FORGOTTEN)
        free_statement(t);
}

void statement_forget(struct statements *s, struct statement *t)
{
    if (t->state == STATEMENT_FORGOTTEN)
        return;
    struct statement **at = chain_of(s, t->hash);
    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    unlink_use(s, t);
    s->n--;
    t->state = STATEMENT_FORGOTTEN;
    if (t->users == 0)
        free_statement(t);
}

void statements_clear(struct statements *s)
{
    while (s->oldest)
        statement_forget(s, s->oldest);
}
