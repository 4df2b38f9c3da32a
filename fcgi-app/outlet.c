#include "fcgi-app/outlet.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum {
    FCGI_VERSION = 1,
    FCGI_END_REQUEST = 3,
    FCGI_STDOUT = 6,
    HEADER_SIZE = 8,
    LARGEST_RECORD = 65528, /* bytes of content: the most that 16 bits hold and eight divide */
    MOST_KEPT = 96 << 20,   /* an answer that is gathered whole has less; one that streams stops long before */
    KEPT_MEMORY = 16 << 10, /* more is given back when all has gone */
    PARTS_AT_ONCE = 64
};

/* Pieces of memory to be written one after the other. */
struct parts {
    struct iovec list[PARTS_AT_ONCE];
    size_t n;
    unsigned char headers[PARTS_AT_ONCE][3 * HEADER_SIZE];
    size_t n_headers;
};

void outlet_init(struct outlet *o)
{
    outlet_release(o);
    buf_init(&o->rest, MOST_KEPT);
}

void outlet_release(struct outlet *o)
{
    buf_release(&o->rest);
    o->sent = 0;
    o->failed = false;
}

size_t outlet_pending(const struct outlet *o)
{
    return o->rest.len - o->sent;
}

/* How much the socket took; 0 when it is full or broken. */
static size_t send_parts(struct outlet *o, int fd, struct iovec *list, size_t n)
{
    struct msghdr message = {.msg_iov = list, .msg_iovlen = n};
    ssize_t sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0)
        return (size_t)sent;
    o->failed = errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR;
    return 0;
}

static void keep(struct outlet *o, const struct iovec *list, size_t n, size_t sent)
{
    for (size_t i = 0; i < n; i++) {
        size_t skip = sent < list[i].iov_len ? sent : list[i].iov_len;
        buf_put(&o->rest, (const char *)list[i].iov_base + skip, list[i].iov_len - skip);
        sent -= skip;
    }
    o->failed = o->failed || o->rest.failed;
}

static void write_parts(struct outlet *o, int fd, struct parts *p)
{
    size_t sent = 0;
    if (!o->failed && !outlet_pending(o))
        sent = send_parts(o, fd, p->list, p->n);
    if (!o->failed)
        keep(o, p->list, p->n, sent);
    p->n = p->n_headers = 0;
}

static void add(struct parts *p, const void *data, size_t n)
{
    if (n)
        p->list[p->n++] = (struct iovec){.iov_base = (void *)(uintptr_t)data, .iov_len = n};
}

static void fill_header(unsigned char h[HEADER_SIZE], int type, int id, size_t length)
{
    const unsigned char header[HEADER_SIZE] = {
        FCGI_VERSION,      (unsigned char)type,          (unsigned char)(id >> 8),
        (unsigned char)id, (unsigned char)(length >> 8), (unsigned char)length};
    memcpy(h, header, sizeof header);
}

static void add_header(struct parts *p, int type, int id, size_t length)
{
    unsigned char *h = p->headers[p->n_headers++];
    fill_header(h, type, id, length);
    add(p, h, HEADER_SIZE);
}

/* An empty record ends the output; the end of the request has a body that is all zero: the application's status, and
 * FCGI_REQUEST_COMPLETE. */
static void add_end(struct parts *p, int id)
{
    unsigned char *h = p->headers[p->n_headers++];
    memset(h, 0, sizeof p->headers[0]);
    fill_header(h, FCGI_STDOUT, id, 0);
    fill_header(h + HEADER_SIZE, FCGI_END_REQUEST, id, HEADER_SIZE);
    add(p, h, sizeof p->headers[0]);
}

/* Takes up to room bytes of b from *at on. */
static size_t take(struct parts *p, const struct buf *b, size_t *at, size_t room)
{
    size_t n = b->len - *at < room ? b->len - *at : room;
    add(p, b->data + *at, n);
    *at += n;
    return n;
}

void outlet_put(struct outlet *o, int fd, int id, const struct buf *head, const struct buf *body, bool end)
{
    struct parts p;
    size_t head_at = 0, body_at = 0;
    p.n = p.n_headers = 0;
    while (head_at < head->len || body_at < body->len) {
        size_t left = head->len - head_at + body->len - body_at;
        size_t room = left < LARGEST_RECORD ? left : LARGEST_RECORD;
        add_header(&p, FCGI_STDOUT, id, room);
        room -= take(&p, head, &head_at, room);
        take(&p, body, &body_at, room);
        if (p.n + 4 > PARTS_AT_ONCE)
            write_parts(o, fd, &p);
    }
    if (end)
        add_end(&p, id);
    if (p.n)
        write_parts(o, fd, &p);
}

void outlet_flush(struct outlet *o, int fd)
{
    if (!outlet_pending(o) || o->failed)
        return;
    struct iovec rest = {.iov_base = o->rest.data + o->sent, .iov_len = outlet_pending(o)};
    o->sent += send_parts(o, fd, &rest, 1);
    if (outlet_pending(o))
        return;
    o->sent = 0;
    if (o->rest.size > KEPT_MEMORY)
        buf_release(&o->rest);
    buf_reset(&o->rest);
}
