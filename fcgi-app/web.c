/*
 * The only file that knows libfcgi. What is known of it and guarded against here:
 *
 * - Its own accept is never used, because it polls a new connection and may spin there; a request object gets an
 *   invalid listening socket, so a read that finds the end of file fails instead of going on to accept.
 * - It installs handlers for SIGPIPE, SIGUSR1 and SIGTERM unless there are some: the responder's are there first.
 * - Its reads block: they are only begun where something has come, and have a limit (listener.c).
 * - It does not try again a write that a signal broke off, and waits where the other side takes nothing: nothing is
 *   written by it.
 * - It reads the next request from where the last one ended: a connection on which something was left unread, such as a
 *   body, is closed, since its bytes would be taken for a request.
 */
#include "fcgi-app/web.h"

#include <fcgiapp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi-app/outlet.h"
#include "lib/log.h"
#include "lib/mem.h"

struct web {
    FCGX_Request request;
    struct outlet outlet;
};

int web_init(void)
{
    /* how long libfcgi waits for the web server to close a connection in web_close_gently(); ms */
    setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "200", 1);
    if (FCGX_Init() == 0)
        return 0;
    log_errno("cannot start libfcgi");
    return -1;
}

struct web *web_new(void)
{
    struct web *w = mem_alloc(sizeof *w);
    FCGX_InitRequest(&w->request, -1, 0);
    w->request.ipcFd = -1;
    outlet_init(&w->outlet);
    return w;
}

void web_free(struct web *w)
{
    web_close(w);
    FCGX_Free(&w->request, 0);
    outlet_release(&w->outlet);
    free(w);
}

void web_open(struct web *w, int fd)
{
    FCGX_Free(&w->request, 0);
    FCGX_InitRequest(&w->request, -1, 0);
    w->request.ipcFd = fd;
    w->request.keepConnection = 1; /* or the first FCGX_Accept_r would close it, as what a request before left */
    outlet_init(&w->outlet);
}

void web_close(struct web *w)
{
    if (w->request.ipcFd >= 0)
        close(w->request.ipcFd); /* which takes it out of epoll as well */
    w->request.ipcFd = -1;
    outlet_release(&w->outlet);
}

int web_descriptor(const struct web *w)
{
    return w->request.ipcFd;
}

int web_read(struct web *w)
{
    /* a request that breaks off among its parameters is accepted all the same, and only its stream knows */
    if (FCGX_Accept_r(&w->request) == 0 && FCGX_GetError(w->request.in) == 0)
        return 0;
    web_close(w);
    return -1;
}

char *const *web_parameters(const struct web *w)
{
    return w->request.envp;
}

bool web_has_body(struct web *w)
{
    return FCGX_GetChar(w->request.in) != EOF;
}

bool web_has_input(const struct web *w)
{
    char byte;
    return recv(w->request.ipcFd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

void web_put(struct web *w, const struct buf *head, const struct buf *body, bool last)
{
    outlet_put(&w->outlet, w->request.ipcFd, w->request.requestId, head, body, last);
}

void web_flush(struct web *w)
{
    outlet_flush(&w->outlet, w->request.ipcFd);
}

size_t web_pending(const struct web *w)
{
    return outlet_pending(&w->outlet);
}

bool web_failed(const struct web *w)
{
    return w->outlet.failed;
}

bool web_end(struct web *w)
{
    FCGX_Free(&w->request, 0);
    return w->request.keepConnection;
}

void web_close_gently(struct web *w)
{
    FCGX_Free(&w->request, 1);
    outlet_release(&w->outlet);
}
