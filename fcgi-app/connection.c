#include "fcgi-app/connection.h"

#include <stdlib.h>
#include <sys/epoll.h>

#include "fcgi-app/clock.h"
#include "lib/log.h"
#include "lib/mem.h"

void connections_init(struct connections *all, int epoll)
{
    *all = (struct connections){.epoll = epoll};
}

static void list_add(struct connections *all, struct connection *c, enum connection_state state)
{
    struct connection **newest = &all->newest[state];
    c->state = state;
    c->older = *newest;
    c->newer = NULL;
    *(*newest ? &(*newest)->newer : &all->oldest[state]) = c;
    *newest = c;
    all->n[state]++;
}

static void list_remove(struct connections *all, struct connection *c)
{
    *(c->older ? &c->older->newer : &all->oldest[c->state]) = c->newer;
    *(c->newer ? &c->newer->older : &all->newest[c->state]) = c->older;
    all->n[c->state]--;
}

void connection_become(struct connections *all, struct connection *c, enum connection_state state)
{
    list_remove(all, c);
    list_add(all, c, state);
}

void connection_close(struct connections *all, struct connection *c)
{
    web_close(c->web);
    c->exchange = NULL;
    connection_become(all, c, CONNECTION_UNUSED);
}

struct connection *connection_open(struct connections *all, int fd)
{
    struct connection *c = all->newest[CONNECTION_UNUSED];
    if (!c) {
        c = mem_alloc(sizeof *c);
        c->web = web_new();
        list_add(all, c, CONNECTION_UNUSED);
    }
    web_open(c->web, fd);
    c->last = false;
    c->events = EPOLLIN | EPOLLRDHUP;
    connection_become(all, c, CONNECTION_FRESH);
    struct epoll_event e = {.events = c->events, .data.ptr = c};
    if (epoll_ctl(all->epoll, EPOLL_CTL_ADD, fd, &e) == 0)
        return c;
    log_errno("cannot watch a connection");
    connection_close(all, c);
    return NULL;
}

void connection_watch(struct connections *all, struct connection *c, uint32_t events)
{
    events |= EPOLLRDHUP;
    if (events == c->events)
        return;
    struct epoll_event e = {.events = events, .data.ptr = c};
    if (epoll_ctl(all->epoll, EPOLL_CTL_MOD, web_descriptor(c->web), &e) < 0)
        log_errno("cannot watch a connection");
    c->events = events;
}

void connections_release(struct connections *all)
{
    for (int state = 0; state < CONNECTION_STATES; state++)
        for (struct connection *c = all->oldest[state], *next; c; c = next) {
            next = c->newer;
            web_free(c->web);
            free(c);
        }
    connections_init(all, -1);
}
