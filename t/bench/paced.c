/*
 * Load at a set rate, whatever the answers do: requests come at random moments (exponential gaps), each on a connection
 * that is free, and wait for one where none is. For each answer a line: its status, microseconds from the moment at which
 * the request was meant to be sent, from that at which it was, and from the beginning of all. So a generator that cannot
 * keep up shows. What is under way when the time is over is waited for, for 5 s at most.
 *
 *   paced PORT RATE SECONDS CONNECTIONS FILE_OF_PATHS
 *
 * It runs before all others where it may (SCHED_FIFO), so that what is measured is the server's and not its own waiting.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_SIZE = 16384, EVENTS = 256 };

struct connection {
    int fd;
    double meant, sent; /* us */
    char head[HEAD_SIZE];
    size_t n;  /* of the head that has come */
    long left; /* of the body; -1: the head is not whole */
    struct connection *next;
};

static struct connection *idle;
static double begun; /* us */
static char *paths[100000];
static size_t n_paths;

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void read_paths(const char *file)
{
    char line[4096];
    FILE *f = fopen(file, "r");
    if (!f)
        fail(file);
    while (n_paths < sizeof paths / sizeof *paths && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        if (asprintf(&paths[n_paths++], "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", line) < 0)
            fail("memory");
    }
    fclose(f);
    if (!n_paths)
        fail(file);
}

static void connect_all(int epoll, int n, int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < n; i++) {
        struct connection *c = calloc(1, sizeof *c);
        if (!c)
            fail("memory");
        c->fd = socket(AF_INET, SOCK_STREAM, 0);
        if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0)
            fail("connect");
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
        epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &e);
        c->next = idle;
        idle = c;
    }
}

static void ask(double meant)
{
    static size_t at;
    struct connection *c = idle;
    const char *request = paths[at++ % n_paths];
    idle = c->next;
    c->meant = meant;
    c->sent = now_us();
    c->n = 0;
    c->left = -1;
    if (send(c->fd, request, strlen(request), MSG_NOSIGNAL) != (ssize_t)strlen(request))
        fail("send");
}

/* The length of the body that is left to come, once the head is there; else -1. */
static long after_head(struct connection *c)
{
    c->head[c->n] = 0;
    char *end = strstr(c->head, "\r\n\r\n"), *length = strcasestr(c->head, "\r\nContent-Length:");
    if (!end && c->n < HEAD_SIZE - 1)
        return -1;
    if (!end || !length || length > end) {
        fprintf(stderr, "an answer without Content-Length: %.200s\n", c->head);
        exit(1);
    }
    return atol(length + 17) - (long)(c->head + c->n - end - 4);
}

/* 1 when an answer is complete. */
static int take(struct connection *c)
{
    static char rest[1 << 18];
    ssize_t n = c->left < 0 ? recv(c->fd, c->head + c->n, HEAD_SIZE - 1 - c->n, MSG_DONTWAIT)
                            : recv(c->fd, rest, sizeof rest, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n <= 0)
        fail("the server closed a connection");
    if (c->left >= 0)
        c->left -= n;
    else {
        c->n += (size_t)n;
        c->left = after_head(c);
    }
    if (c->left)
        return 0;
    double now = now_us();
    printf("%.3s\t%.0f\t%.0f\t%.0f\n", c->head + 9, now - c->meant, now - c->sent, now - begun);
    c->next = idle;
    idle = c;
    return 1;
}

int main(int argc, char **argv)
{
    if (argc != 6)
        return 2;
    double rate = atof(argv[2]), seconds = atof(argv[3]);
    int epoll = epoll_create1(0), connections = atoi(argv[4]);
    read_paths(argv[5]);
    connect_all(epoll, connections, atoi(argv[1]));
    sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 1});
    begun = now_us();
    double next = begun, end = begun + seconds * 1e6, last = end + 5e6;
    for (int under_way = 0; next < end || under_way;) {
        double now = now_us();
        if (now > last)
            break;
        for (; next <= now && next < end && idle; under_way++) {
            ask(next);
            next += -log(1 - drand48()) / rate * 1e6;
        }
        double wait = next < end && idle ? next - now_us() : 1e5;
        struct timespec timeout = {0, wait > 0 ? (long)(wait * 1e3) : 0};
        struct epoll_event events[EVENTS];
        int n = epoll_pwait2(epoll, events, EVENTS, &timeout, NULL);
        for (int i = 0; i < n; i++)
            under_way -= take(events[i].data.ptr);
        /* whoever is late by more than the run is long would go on for ever */
        if (now > end)
            next = end;
    }
    return 0;
}
