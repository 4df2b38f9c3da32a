#include "fcgi-app/master.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fcgi-app/board.h"
#include "fcgi-app/clock.h"
#include "fcgi-app/early.h"
#include "fcgi-app/responder.h"
#include "lib/log.h"

enum {
    FIRST_PAUSE = 100,      /* ms before a place is filled again whose responder ended soon; doubles */
    LONGEST_PAUSE = 5000,   /* ms */
    STEADY_AFTER = 10000,   /* ms; a responder that lived so long did not end "soon" */
    KILL_GRACE = 1000,      /* ms beyond the drain timeout, which a responder keeps by itself */
    SPARE_DESCRIPTORS = 512 /* per responder, beside those of requests at Postgres */
};

/* How the master is to stop, and what it promises then. */
enum stop {
    STOP_NOT,   /* it keeps every place filled */
    STOP_DRAIN, /* SIGTERM, SIGINT: requests that have come are answered, then it ends with EXIT_OK */
};

/* A process. A place has one that serves, and while it is replaced also its successor or those that drain. */
struct child {
    pid_t pid;
    int place;
    struct board_seat *seat;
    unsigned generation; /* of the configuration that it runs with */
    int ready_fd;        /* a byte comes when it is ready; -1 after that */
    bool leaving;        /* it was told to drain */
    int64_t started;
    int64_t kill_at; /* when leaving */
    struct child *next;
};

struct place {
    int64_t fill_at; /* not to be filled before */
    int64_t pause;
};

struct master {
    struct service *service;
    struct board *board;
    const char *path;
    int responders;
    pid_t pid;
    unsigned generation;
    enum stop stop;
    struct child *children;
    struct place *places;
    int n_places; /* as many as there ever were */
};

static volatile sig_atomic_t told_to_stop, told_to_reload;

static void on_signal(int number)
{
    if (number == SIGHUP)
        told_to_reload = 1;
    else if (number != SIGCHLD) /* which only ends the wait */
        told_to_stop = 1;
}

/* Blocks what the loop listens to, for good: it is open only inside the wait, here and in the responders. */
static void set_signals(void)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGUSR1};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        struct sigaction action = {.sa_handler = numbers[i] == SIGUSR1 ? SIG_IGN : on_signal};
        sigaction(numbers[i], &action, NULL);
        sigaddset(&set, numbers[i]);
    }
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

/* --- children --- */

static _Noreturn void be_responder(struct master *m, struct board_seat *seat, int ready_fd)
{
    /* the kernel sends it when the master is gone; it may be gone already */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != m->pid)
        _exit(EXIT_OK);
    for (struct child *c = m->children, *next; c; c = next) {
        next = c->next;
        if (c->ready_fd >= 0)
            close(c->ready_fd);
        free(c);
    }
    free(m->places);
    int code = responder_run(m->service, m->board, seat, ready_fd);
    service_free(m->service);
    board_free(m->board);
    exit(code);
}

static void put_off(struct place *p, int64_t now)
{
    p->fill_at = now + p->pause;
    p->pause = p->pause * 2 < LONGEST_PAUSE ? p->pause * 2 : LONGEST_PAUSE;
}

static void start_child(struct master *m, int place)
{
    int ready[2] = {-1, -1};
    int64_t now = clock_ms();
    struct board_seat *seat = board_take_seat(m->board);
    pid_t pid = !seat || pipe2(ready, O_CLOEXEC | O_NONBLOCK) < 0 ? -1 : fork();
    if (pid == 0) {
        close(ready[0]);
        be_responder(m, seat, ready[1]);
    }
    early_let_go(&m->service->early);
    close(ready[1]);
    if (pid < 0) {
        log_errno("cannot start a responder");
        close(ready[0]);
        if (seat)
            board_leave_seat(seat);
        put_off(&m->places[place], now);
        return;
    }
    struct child *c = mem_alloc(sizeof *c);
    *c = (struct child){pid, place, seat, m->generation, ready[0], false, now, 0, m->children};
    m->children = c;
}

static void tell_to_drain(struct master *m, struct child *c)
{
    if (c->leaving)
        return;
    c->leaving = true;
    c->kill_at = clock_ms() + m->service->options.drain_timeout_ms + KILL_GRACE;
    kill(c->pid, SIGTERM);
}

static void log_end(const struct child *c, int status)
{
    if (WIFSIGNALED(status))
        log_error("responder %d was ended by signal %d (%s)", (int)c->pid, WTERMSIG(status),
                  strsignal(WTERMSIG(status)));
    else if (!c->leaving || WEXITSTATUS(status) != EXIT_OK)
        log_error("responder %d ended with exit code %d", (int)c->pid, WEXITSTATUS(status));
}

static void bury(struct master *m, struct child *c, int status)
{
    int64_t now = clock_ms();
    struct place *p = &m->places[c->place];
    log_end(c, status);
    if (now - c->started >= STEADY_AFTER)
        p->pause = FIRST_PAUSE;
    if (!c->leaving) {
        put_off(p, now);
        board_count(m->board, BOARD_RESTARTED);
    }
    board_leave_seat(c->seat);
    if (c->ready_fd >= 0)
        close(c->ready_fd);
    free(c);
}

static void reap(struct master *m)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        struct child **at = &m->children;
        while (*at && (*at)->pid != pid)
            at = &(*at)->next;
        struct child *c = *at;
        if (!c)
            continue; /* somebody else's, inherited over exec */
        *at = c->next;
        bury(m, c, status);
    }
}

static void kill_late(struct master *m, int64_t now)
{
    for (struct child *c = m->children; c; c = c->next)
        if (c->leaving && now >= c->kill_at) {
            log_warn("responder %d still has not finished its requests; it is killed", (int)c->pid);
            kill(c->pid, SIGKILL);
            c->kill_at = INT64_MAX;
        }
}

/* --- what there should be --- */

/* Does somebody serve this place, or get ready to, with the current configuration (or with any)? */
static const struct child *occupant(const struct master *m, int place, bool current)
{
    for (const struct child *c = m->children; c; c = c->next)
        if (c->place == place && !c->leaving && (!current || c->generation == m->generation))
            return c;
    return NULL;
}

static bool somebody_starts(const struct master *m)
{
    for (const struct child *c = m->children; c; c = c->next)
        if (c->ready_fd >= 0 && !c->leaving)
            return true;
    return false;
}

/* Empty places are filled at once; those where an older configuration serves one after the other. */
static void fill_places(struct master *m, int64_t now)
{
    for (int i = 0; i < m->service->options.responders; i++)
        if (!occupant(m, i, true) && now >= m->places[i].fill_at && (!occupant(m, i, false) || !somebody_starts(m)))
            start_child(m, i);
}

/* Whose successor is ready goes, and so do those whose place is no more, once all places are served anew. */
static void send_off(struct master *m)
{
    bool complete = true;
    for (int i = 0; i < m->service->options.responders; i++) {
        const struct child *c = occupant(m, i, true);
        complete = complete && c && c->ready_fd < 0;
    }
    for (struct child *c = m->children; c; c = c->next) {
        const struct child *successor = occupant(m, c->place, true);
        bool place_is_gone = c->place >= m->service->options.responders;
        if (c->generation != m->generation && (place_is_gone ? complete : successor && successor->ready_fd < 0))
            tell_to_drain(m, c);
    }
}

static void widen_places(struct master *m)
{
    int n = m->service->options.responders;
    if (n <= m->n_places)
        return;
    m->places = mem_realloc(m->places, (size_t)n * sizeof *m->places);
    for (; m->n_places < n; m->n_places++)
        m->places[m->n_places] = (struct place){.pause = FIRST_PAUSE};
}

/* --- what it is told --- */

/* Each connection takes a descriptor; many systems allow 1,024 unless asked for more. */
static void raise_descriptor_limit(const struct options *o)
{
    struct rlimit limit;
    rlim_t needed = (rlim_t)o->max_in_flight + SPARE_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= needed)
        return;
    limit.rlim_cur = limit.rlim_max < needed ? limit.rlim_max : needed;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur < needed)
        log_warn("only %llu descriptors are allowed, where maxInFlight asks for %llu; raise the limit (ulimit -n)",
                 (unsigned long long)limit.rlim_cur, (unsigned long long)needed);
}

static void reload(struct master *m)
{
    told_to_reload = 0;
    struct service *s = service_load(m->path, m->responders, false);
    if (!s) {
        log_error("%s was read again and is wrong; the responders go on with what was read before", m->path);
        return;
    }
    service_free(m->service);
    m->service = s;
    m->generation++;
    board_add_contracts(m->board, &s->lock);
    widen_places(m);
    for (int i = 0; i < m->n_places; i++)
        m->places[i] = (struct place){.pause = FIRST_PAUSE};
    raise_descriptor_limit(&s->options);
    log_info("%s was read again; replacing the responders one by one", m->path);
}

static void start_stopping(struct master *m)
{
    m->stop = STOP_DRAIN;
    log_info("stopping; responders finish their requests");
    for (struct child *c = m->children; c; c = c->next)
        tell_to_drain(m, c);
}

/* --- the loop --- */

static int64_t next_time(const struct master *m)
{
    int64_t at = INT64_MAX;
    for (const struct child *c = m->children; c; c = c->next)
        if (c->leaving && c->kill_at < at)
            at = c->kill_at;
    for (int i = 0; !m->stop && i < m->service->options.responders; i++)
        if (!occupant(m, i, true) && m->places[i].fill_at < at && (!occupant(m, i, false) || !somebody_starts(m)))
            at = m->places[i].fill_at;
    return at;
}

static void take_ready(struct child *c)
{
    char byte;
    ssize_t n = read(c->ready_fd, &byte, 1);
    if (n < 0)
        return;
    /* the end of file without a byte: it has ended, and will be reaped with its place put off */
    if (n == 0 && !c->leaving)
        return;
    close(c->ready_fd);
    c->ready_fd = -1;
}

static void wait_for_something(struct master *m)
{
    sigset_t open;
    struct pollfd *fds;
    size_t n = 0, i = 0;
    sigemptyset(&open);
    for (const struct child *c = m->children; c; c = c->next)
        n++;
    fds = mem_alloc(n * sizeof *fds);
    for (const struct child *c = m->children; c; c = c->next)
        fds[i++] = (struct pollfd){.fd = c->ready_fd, .events = POLLIN};
    int64_t at = next_time(m);
    int ms = clock_until(at, clock_ms());
    struct timespec timeout = {ms / 1000, ms % 1000 * 1000000L};
    if (ppoll(fds, n, at == INT64_MAX ? NULL : &timeout, &open) > 0) {
        i = 0;
        for (struct child *c = m->children; c; c = c->next)
            if (fds[i++].revents)
                take_ready(c);
    }
    free(fds);
}

static void loop(struct master *m)
{
    for (;;) {
        reap(m);
        if (told_to_stop && !m->stop)
            start_stopping(m);
        if (m->stop && !m->children)
            return;
        int64_t now = clock_ms();
        kill_late(m, now);
        if (!m->stop) {
            if (told_to_reload)
                reload(m);
            send_off(m);
            fill_places(m, now);
        }
        wait_for_something(m);
    }
}

int master_run(struct service *service, const char *path, int responders)
{
    struct master m = {.service = service, .path = path, .responders = responders, .pid = getpid()};
    m.board = board_new();
    if (!m.board) {
        early_let_go(&service->early);
        service_free(service);
        return EXIT_FAILED;
    }
    board_add_contracts(m.board, &service->lock);
    set_signals();
    raise_descriptor_limit(&service->options);
    widen_places(&m);
    int flags = fcntl(STDIN_FILENO, F_GETFL);
    if (flags < 0 || fcntl(STDIN_FILENO, F_SETFL, flags | O_NONBLOCK) < 0) {
        log_errno("cannot make the listening socket non-blocking");
        early_let_go(&service->early);
        service_free(m.service);
        board_free(m.board);
        free(m.places);
        return EXIT_FAILED;
    }
    log_info("serving with %d responders", service->options.responders);
    loop(&m);
    log_info("stopped");
    service_free(m.service);
    board_free(m.board);
    free(m.places);
    return EXIT_OK;
}
