#include "fcgi-app/listener.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "fcgi-app/clock.h"
#include "lib/log.h"

enum {
    LISTENER = 0,       /* FCGI_LISTENSOCK_FILENO */
    READ_TIMEOUT = 1,   /* s; nginx sends a request at once, in full */
    WRITE_TIMEOUT = 10, /* s; nginx takes an answer at once, into memory or a file */
    PAUSE = 100         /* ms without accepting when the system has no descriptor left */
};

void listener_init(struct listener *l, int epoll, void *tag)
{
    *l = (struct listener){.epoll = epoll, .tag = tag};
}

int64_t listener_turn(struct listener *l)
{
    if (l->on || clock_ms() < l->on_at)
        return l->on ? INT64_MAX : l->on_at;
    struct epoll_event e = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.ptr = l->tag};
    l->on = epoll_ctl(l->epoll, EPOLL_CTL_ADD, LISTENER, &e) == 0;
    if (l->on)
        return INT64_MAX;
    log_errno("cannot watch the listening socket");
    return l->on_at = clock_ms() + PAUSE;
}

void listener_off(struct listener *l)
{
    if (l->on)
        epoll_ctl(l->epoll, EPOLL_CTL_DEL, LISTENER, NULL);
    l->on = false;
}

/* libfcgi reads and writes in the blocking way, and the loop waits meanwhile. */
static void limit_waiting(int fd)
{
    const struct timeval read_limit = {.tv_sec = READ_TIMEOUT}, write_limit = {.tv_sec = WRITE_TIMEOUT};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &read_limit, sizeof read_limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &write_limit, sizeof write_limit);
}

int listener_accept(struct listener *l)
{
    int fd = accept4(LISTENER, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0)
        limit_waiting(fd);
    else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        log_errno("cannot take a connection");
        listener_off(l);
        l->on_at = clock_ms() + PAUSE;
    }
    return fd;
}
