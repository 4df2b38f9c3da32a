#include "worker/work.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>

#include "lib/log.h"
#include "worker/bookkeeping.h"
#include "worker/change_removal.h"
#include "worker/check.h"
#include "worker/feed.h"
#include "worker/raw_month.h"

enum {
    FIRST_PAUSE_MS = 1000,
    LONGEST_PAUSE_MS = 60000,
    STANDBY_MS = 1000,
    LOOKED_EVERY_MS = 10000,
    RESTORED_EVERY_MS = 1000
};

/* The leader's lock is a pair of numbers that nothing else in the database uses ("oril", 1), held by the session that
 * writes: who loses the connection has lost the lock, and cannot write without having it again. */
static const char lead_sql[] = "SELECT pg_catalog.pg_try_advisory_lock(1869769068, 1)";
static const char listen_sql[] = "LISTEN " PULL_CHANNEL;
static const char looked_sql[] = "UPDATE oriel.source SET looked_at = pg_catalog.now() WHERE name = ANY ($1::text[])";

struct work {
    const char *config, *database;
    const char *only; /* the source that is to be pulled once; NULL: all, for ever */
    struct domain *domain;
    struct feed *feeds; /* domain->sources.n of them */
    struct loader loader;
    bool checked; /* tables and contracts were compared with this domain */
    bool leading;
    bool told_standby;
    long long retry_at_ms, pause_ms, looked_ms, restored_ms, months_ms;
    int exit_code;
    bool ending;
};

/* ---- signals: blocked for life, open only in the wait; handlers set flags ---- */

static volatile sig_atomic_t end_asked, reload_asked;

static void on_end(int signal)
{
    (void)signal;
    end_asked = 1;
}

static void on_reload(int signal)
{
    (void)signal;
    reload_asked = 1;
}

static void set_up_signals(void)
{
    static const struct {
        int signal;
        void (*handler)(int);
    } table[] = {{SIGTERM, on_end}, {SIGINT, on_end}, {SIGHUP, on_reload}, {SIGPIPE, SIG_IGN}};
    sigset_t blocked;
    sigemptyset(&blocked);
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct sigaction action = {.sa_handler = table[i].handler};
        sigemptyset(&action.sa_mask);
        sigaction(table[i].signal, &action, NULL);
        if (table[i].handler != SIG_IGN)
            sigaddset(&blocked, table[i].signal);
    }
    sigprocmask(SIG_BLOCK, &blocked, NULL);
}

/* ---- time ---- */

static long long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* Doubles up to the longest; a random half of it, so that several do not knock in step. */
static long long next_pause(struct work *w)
{
    w->pause_ms = w->pause_ms ? w->pause_ms * 2 : FIRST_PAUSE_MS;
    if (w->pause_ms > LONGEST_PAUSE_MS)
        w->pause_ms = LONGEST_PAUSE_MS;
    return w->pause_ms / 2 + random() % (w->pause_ms / 2 + 1);
}

/* ---- losing and gaining ---- */

static void end(struct work *w, int exit_code)
{
    w->exit_code = exit_code;
    w->ending = true;
}

static void disconnect(struct work *w)
{
    for (size_t i = 0; i < w->domain->sources.n; i++)
        feed_drop_delivery(&w->feeds[i]);
    session_close(&w->loader.session);
    w->leading = w->told_standby = false;
}

/* Drops everything that hangs on the connection; what was not committed is read again from the stored position. */
static void lose(struct work *w)
{
    const struct failure *f = &w->loader.session.failure;
    long long pause = next_pause(w);
    log_warn("%s: %s (SQLSTATE %s); the batch in hand is dropped and tried again in %.1f s", f->doing, f->message,
             f->sqlstate, (double)pause / 1000);
    disconnect(w);
    w->retry_at_ms = now_ms() + pause;
}

static void tell_failed_check(bool ok, const char *line)
{
    if (!ok)
        log_error("%s", line);
}

/* 1: all in order; 0: not, as told; -1: the catalog could not be read. */
static int check_catalog(const struct domain *d, struct session *s)
{
    enum bookkeeping_state state = bookkeeping_check(s->c);
    if (state == BOOKKEEPING_UNKNOWN)
        failure_set(&s->failure, "08006", "reading the bookkeeping's version", "Postgres could not be asked");
    if (state != BOOKKEEPING_FITS)
        return state == BOOKKEEPING_UNKNOWN ? -1 : 0;
    struct arena a;
    arena_init(&a);
    struct check c = {.entities = &d->entities, .arena = &a, .tell = tell_failed_check};
    int result = check_tables(&c, s) < 0 || check_contracts(&c, s) < 0 ? -1 : c.failures == 0;
    arena_release(&a);
    return result;
}

static bool tests_hold(const struct domain *d)
{
    struct arena a;
    arena_init(&a);
    struct check c = {.entities = &d->entities, .arena = &a, .tell = tell_failed_check};
    check_tests(&c);
    arena_release(&a);
    return c.failures == 0;
}

static void connect_and_check(struct work *w)
{
    struct session *s = &w->loader.session;
    if (session_open(s, w->domain->settings.database) < 0) {
        long long pause = next_pause(w);
        log_warn("trying to connect again in %.1f s", (double)pause / 1000);
        w->retry_at_ms = now_ms() + pause;
        return;
    }
    int in_order = w->checked ? 1 : check_catalog(w->domain, s);
    if (in_order < 0)
        lose(w);
    else if (!in_order) {
        log_error("not started: the database is not as this configuration needs it (`oriel check` shows all of it)");
        end(w, EXIT_USAGE);
    } else
        w->checked = true;
}

static int register_sources(struct work *w)
{
    for (size_t i = 0; i < w->domain->sources.n; i++)
        if (feed_register(&w->feeds[i], &w->loader.session) < 0)
            return -1;
    return 0;
}

/* Prepares the connection for this domain. */
static void begin_work(struct work *w)
{
    struct session *s = &w->loader.session;
    if (session_run(s, "listening for `oriel pull`", listen_sql, 0, NULL) < 0 ||
        loader_prepare(&w->loader, &w->domain->entities) < 0 || loader_watch(&w->loader) < 0 ||
        register_sources(w) < 0) {
        lose(w);
        return;
    }
    w->leading = true;
    w->months_ms = 0;
    log_info("leading: %zu sources, %zu entity files", w->domain->sources.n, w->domain->entities.n);
}

static void try_to_lead(struct work *w)
{
    PGresult *r = session_query(&w->loader.session, "asking for the leader's lock", lead_sql, 0, NULL);
    if (!r) {
        lose(w);
        return;
    }
    bool mine = *PQgetvalue(r, 0, 0) == 't';
    PQclear(r);
    if (mine)
        begin_work(w);
    else if (w->only)
        end(w, EXIT_OK);
    else if (!w->told_standby) {
        log_info("another worker leads; standing by to take over when it goes");
        w->told_standby = true;
    }
}

/* ---- configuration ---- */

static void set_domain(struct work *w, struct domain *d)
{
    w->domain = d;
    w->feeds = mem_alloc(d->sources.n * sizeof *w->feeds);
    for (size_t i = 0; i < d->sources.n; i++)
        feed_init(&w->feeds[i], &d->sources.list[i], &d->entities);
}

static void drop_domain(struct work *w)
{
    for (size_t i = 0; i < w->domain->sources.n; i++)
        feed_release(&w->feeds[i]);
    free(w->feeds);
    domain_free(w->domain);
}

/* NULL, and the reason told, unless the configuration can be worked with. */
static struct domain *load_next(struct work *w)
{
    struct domain *d = domain_load(w->config, w->database);
    if (!d)
        return NULL;
    int in_order = tests_hold(d);
    if (in_order && !w->loader.session.c) {
        log_error("without the database the new configuration cannot be compared with its tables");
        in_order = 0;
    } else if (in_order && (in_order = check_catalog(d, &w->loader.session)) < 0)
        log_error("%s: %s", w->loader.session.failure.doing, w->loader.session.failure.message);
    if (in_order > 0)
        return d;
    domain_free(d);
    return NULL;
}

static void reload(struct work *w)
{
    reload_asked = 0;
    struct domain *next = load_next(w);
    if (!next) {
        log_error("the configuration was not taken; going on with the one before. Mend it and send HUP again");
        return;
    }
    bool same_database = strcmp(next->settings.database, w->domain->settings.database) == 0;
    bool led = w->leading;
    if (!same_database)
        disconnect(w);
    drop_domain(w);
    set_domain(w, next);
    log_info("configuration read again");
    if (led && same_database)
        begin_work(w);
}

/* ---- the loop ---- */

static void note_looked(struct work *w)
{
    if (now_ms() - w->looked_ms < LOOKED_EVERY_MS)
        return;
    struct arena a;
    arena_init(&a);
    size_t n = 0;
    const char **names = arena_array(&a, w->domain->sources.n, sizeof *names);
    for (size_t i = 0; i < w->domain->sources.n; i++)
        if (!w->feeds[i].stopped && !w->feeds[i].waiting)
            names[n++] = w->feeds[i].source->name;
    const char *array = session_array(&a, names, n);
    if (session_run(&w->loader.session, "noting that sources were looked at", looked_sql, 1, &array) < 0)
        lose(w);
    w->looked_ms = now_ms();
    arena_release(&a);
}

/* A brown-out that was killed ends by itself: the leader gives the grant back when its time is over. */
static void end_brownouts(struct work *w)
{
    struct session *s = &w->loader.session;
    if (!s->c || now_ms() - w->restored_ms < RESTORED_EVERY_MS)
        return;
    w->restored_ms = now_ms();
    if (brownout_restore(s->c, false) == 0 || PQstatus(s->c) == CONNECTION_OK)
        return;
    failure_set(&s->failure, "08006", "ending brown-outs", "the connection to Postgres was lost");
    lose(w);
}

/* A month that begins while the worker is at work was made long before, so a failure may wait for the next hour. */
static void make_months(struct work *w)
{
    struct session *s = &w->loader.session;
    if (!s->c || (w->months_ms && now_ms() - w->months_ms < RAW_MONTHS_EVERY_MS))
        return;
    w->months_ms = now_ms();
    if (raw_months_make(s) == 0)
        return;
    if (PQstatus(s->c) == CONNECTION_OK)
        log_warn("%s: %s (SQLSTATE %s); tried again in an hour", s->failure.doing, s->failure.message,
                 s->failure.sqlstate);
    else
        lose(w);
}

/* Somebody asked for a pull: the sources find out whether it is theirs. */
static void hear(struct work *w)
{
    struct session *s = &w->loader.session;
    bool heard = false;
    for (PGnotify *n; s->c && (n = PQnotifies(s->c)); PQfreemem(n))
        heard = true;
    for (size_t i = 0; heard && i < w->domain->sources.n; i++)
        if (feed_listen(&w->feeds[i], s) < 0) {
            lose(w);
            return;
        }
}

/* Whoever asked looks into oriel.source for what came of it. */
static void end_when_answered(struct work *w)
{
    for (size_t i = 0; i < w->domain->sources.n; i++)
        if (strcmp(w->feeds[i].source->name, w->only) == 0 && w->feeds[i].answered >= w->feeds[i].asked)
            end(w, EXIT_OK);
}

/* One batch of each source that has work. Returns how long nothing will be to do, in ms. */
static long long serve_sources(struct work *w)
{
    long long soonest = RESTORED_EVERY_MS;
    for (size_t i = 0; i < w->domain->sources.n; i++) {
        struct feed *f = &w->feeds[i];
        if (w->only && strcmp(f->source->name, w->only) != 0)
            continue;
        switch (feed_step(f, &w->loader, now_ms())) {
        case FEED_WORKED:
            w->pause_ms = 0;
            soonest = 0;
            break;
        case FEED_IDLE:
            if (!f->stopped && f->look_at_ms - now_ms() < soonest)
                soonest = f->look_at_ms - now_ms();
            break;
        case FEED_RETRY:
            lose(w);
            return 0;
        }
    }
    if (w->only)
        end_when_answered(w);
    else
        note_looked(w);
    end_brownouts(w);
    return soonest > 0 ? soonest : 0;
}

/* Does what can be done now. Returns how long to wait then, in ms. */
static long long step(struct work *w)
{
    if (!w->loader.session.c) {
        if (now_ms() < w->retry_at_ms)
            return w->retry_at_ms - now_ms();
        connect_and_check(w);
        return 0;
    }
    if (w->leading)
        hear(w);
    if (w->leading)
        make_months(w);
    if (w->leading)
        return serve_sources(w);
    if (w->loader.session.c)
        try_to_lead(w);
    return w->leading || !w->loader.session.c ? 0 : STANDBY_MS;
}

/* What sources wait for: slots[i] for feed i, with fd -1 where that is nothing. */
static void watch_feeds(const struct work *w, struct pollfd *slots)
{
    for (size_t i = 0; i < w->domain->sources.n; i++)
        slots[i] = (struct pollfd){.fd = w->leading ? w->feeds[i].pull.fd : -1, .events = w->feeds[i].pull.events};
}

/* Sleeps, with signals let in, and notices when Postgres closes the connection meanwhile. */
static void wait_ms(struct work *w, long long ms)
{
    size_t n = w->domain->sources.n;
    struct timespec timeout = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    struct pollfd *slots = mem_alloc((n + 1) * sizeof *slots);
    watch_feeds(w, slots);
    slots[n] = (struct pollfd){.fd = w->loader.session.c ? PQsocket(w->loader.session.c) : -1, .events = POLLIN};
    sigset_t none;
    sigemptyset(&none);
    bool any = ppoll(slots, n + 1, &timeout, &none) > 0;
    for (size_t i = 0; any && i < n; i++)
        if (slots[i].revents)
            w->feeds[i].look_at_ms = 0;
    bool of_postgres = any && slots[n].revents;
    free(slots);
    if (!of_postgres || (PQconsumeInput(w->loader.session.c) && PQstatus(w->loader.session.c) == CONNECTION_OK))
        return;
    failure_set(&w->loader.session.failure, "08006", "waiting for work", "the connection to Postgres was lost");
    lose(w);
}

static int run(struct work *w)
{
    struct domain *d = domain_load(w->config, w->database);
    if (!d || !tests_hold(d)) {
        domain_free(d);
        return EXIT_USAGE;
    }
    set_up_signals();
    srandom((unsigned)now_ms());
    loader_init(&w->loader);
    set_domain(w, d);
    while (!w->ending) {
        long long pause = step(w);
        if (w->ending)
            break;
        wait_ms(w, pause);
        if (end_asked)
            end(w, w->only ? EXIT_FAILED : EXIT_OK);
        else if (reload_asked)
            reload(w);
    }
    loader_release(&w->loader);
    drop_domain(w);
    return w->exit_code;
}

int work_run(const char *config, const char *database)
{
    struct work w = {.config = config, .database = database};
    int code = run(&w);
    if (code == EXIT_OK)
        log_info("ended; everything that was begun is committed");
    return code;
}

int work_once(const char *config, const char *database, const char *source)
{
    struct work w = {.config = config, .database = database, .only = source};
    return run(&w);
}
