#include "worker/feed.h"

#include <poll.h>

#include "lib/log.h"

enum { TELL_EVERY_MS = 5000, FIRST_PAUSE_MS = 1000, LONGEST_PAUSE_MS = 300000 };

static const char register_sql[] =
    "INSERT INTO oriel.source (name, client) VALUES ($1, $2)\n"
    "ON CONFLICT (name) DO UPDATE SET client = EXCLUDED.client, state = 'ready', message = NULL";
static const char state_sql[] = "UPDATE oriel.source SET state = $2, message = $3 WHERE name = $1";
static const char sums_sql[] =
    "SELECT e.entity, pg_catalog.sum(e.inserted), pg_catalog.sum(e.updated), pg_catalog.sum(e.unchanged),\n"
    "       pg_catalog.sum(e.rejected), pg_catalog.sum(e.parked)\n"
    "FROM raw.batch b JOIN raw.batch_entity e ON e.batch = b.id\n"
    "WHERE b.delivery = $1::bigint GROUP BY e.entity ORDER BY e.entity";

static long long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

void feed_init(struct feed *f, const struct source *source, const struct entity_set *entities)
{
    *f = (struct feed){.source = source, .delivery = {.fd = -1}, .pull = {.source = source, .fd = -1}};
    f->now = &f->intakes[0];
    f->next = &f->intakes[1];
    intake_init(f->now, source, entities);
    intake_init(f->next, source, entities);
    arena_init(&f->pull.arenas[0]);
    arena_init(&f->pull.arenas[1]);
    source->kind->open(&f->pull);
}

void feed_release(struct feed *f)
{
    feed_drop_delivery(f);
    intake_release(f->now);
    intake_release(f->next);
    f->source->kind->release(&f->pull);
    arena_release(&f->pull.arenas[0]);
    arena_release(&f->pull.arenas[1]);
}

/* Finds out when the source is due. A file source is looked at all the time, and due when somebody asks. */
static int find_due(struct feed *f, struct session *s)
{
    struct schedule_due due;
    if (schedule_due(&f->source->schedule, s, f->source->name, &due) < 0)
        return -1;
    f->asked = due.asked;
    f->answered = due.answered;
    if (f->source->kind->pulled)
        f->look_at_ms = now_ms() + due.in_ms;
    else if (f->asked > f->answered)
        f->look_at_ms = 0;
    return 0;
}

int feed_register(struct feed *f, struct session *s)
{
    f->waiting = false;
    *f->told = 0;
    if (session_run(s, "registering a source", register_sql, 2, (const char *[]){f->source->name, f->source->client}) <
        0)
        return -1;
    return find_due(f, s);
}

static void forget_pull(struct feed *f)
{
    if (f->source->kind->drop)
        f->source->kind->drop(&f->pull);
    f->pull.passing = false;
    f->pull.fd = -1;
}

void feed_drop_delivery(struct feed *f)
{
    forget_pull(f);
    delivery_close(&f->delivery);
    intake_reset(f->now);
    intake_reset(f->next);
}

/* ---- state ---- */

static enum feed_result set_state(struct feed *f, struct session *s, const char *state, const char *message)
{
    f->waiting = strcmp(state, "waiting") == 0;
    const char *const params[] = {f->source->name, state, message};
    return session_run(s, "telling a source's state", state_sql, 3, params) < 0 ? FEED_RETRY : FEED_IDLE;
}

/* Answers who asked before the pull began that it is over: done, or failed, as oriel.source says. */
static enum feed_result answer_done(struct feed *f, struct session *s, const char *remark)
{
    if (schedule_done(s, f->source->name, f->asked_before, remark) < 0)
        return FEED_RETRY;
    if (f->answered < f->asked_before)
        f->answered = f->asked_before;
    return FEED_IDLE;
}

static enum feed_result answer_failed(struct feed *f, struct session *s)
{
    if (f->answered >= f->asked_before)
        return FEED_IDLE;
    if (schedule_failed(s, f->source->name, f->asked_before) < 0)
        return FEED_RETRY;
    f->answered = f->asked_before;
    return FEED_IDLE;
}

static enum feed_result stop(struct feed *f, struct session *s, const char *message)
{
    log_error("source %s is stopped: %s", f->source->name, message);
    f->stopped = true;
    feed_drop_delivery(f);
    return set_state(f, s, "stopped", message) == FEED_RETRY ? FEED_RETRY : answer_failed(f, s);
}

/* Doubles up to the longest; a random half of it, so that several sources do not knock in step. */
static long long back_off(const struct feed *f)
{
    long long pause = FIRST_PAUSE_MS;
    for (int i = 1; i < f->failures && pause < LONGEST_PAUSE_MS; i++)
        pause *= 2;
    if (pause > LONGEST_PAUSE_MS)
        pause = LONGEST_PAUSE_MS;
    return pause / 2 + random() % (pause / 2 + 1);
}

int feed_listen(struct feed *f, struct session *s)
{
    bool under_way = f->delivery.reader || f->pull.passing;
    long long look_at_ms = f->look_at_ms;
    if (find_due(f, s) < 0)
        return -1;
    if (under_way)
        f->look_at_ms = look_at_ms;
    if (!f->stopped)
        return 0;
    f->asked_before = f->asked; /* there will be no pull; oriel.source says why */
    return answer_failed(f, s) == FEED_RETRY ? -1 : 0;
}

/* Tries again after pause_ms, or, when that is 0, with back-off. Told when it is another message than the last. */
static enum feed_result wait_for(struct feed *f, struct session *s, const char *message, long long pause_ms)
{
    char text[sizeof f->told];
    snprintf(text, sizeof text, "%s", message); /* it may stand in what is given back here */
    f->failures++;
    long long pause = pause_ms ? pause_ms : back_off(f);
    bool known = strcmp(text, f->told) == 0 && f->waiting;
    if (!known && !f->pull.logged)
        log_warn("source %s: %s; tried again in %.1f s", f->source->name, text, (double)pause / 1000);
    memcpy(f->told, text, sizeof text);
    feed_drop_delivery(f);
    f->look_at_ms = now_ms() + pause;
    if (!known && set_state(f, s, "waiting", text) == FEED_RETRY)
        return FEED_RETRY;
    return answer_failed(f, s);
}

/* ---- telling ---- */

static double rate(const struct feed *f)
{
    long long ms = now_ms() - f->opened_ms;
    return (double)f->records * 1000 / (double)(ms > 0 ? ms : 1);
}

static void tell_progress(struct feed *f)
{
    if (now_ms() - f->told_ms < TELL_EVERY_MS)
        return;
    f->told_ms = now_ms();
    const struct delivery *d = &f->delivery;
    char percent[32] = "";
    if (!d->pull)
        snprintf(percent, sizeof percent, " (%.0f%%)", 100.0 * (double)d->offset / (double)d->state.size);
    log_info("source %s: %s, %lld records so far%s, %.0f/s", f->source->name, d->name, d->records, percent, rate(f));
}

static enum feed_result tell_finished(struct feed *f, struct session *s)
{
    char id[32];
    if (!f->delivery.id) /* a pull that brought nothing */
        return FEED_WORKED;
    snprintf(id, sizeof id, "%lld", f->delivery.id);
    PGresult *r = session_query(s, "summing a delivery up", sums_sql, 1, (const char *[]){id});
    if (!r)
        return FEED_RETRY;
    struct buf text;
    buf_init(&text, 8192);
    for (int row = 0; row < PQntuples(r); row++)
        buf_printf(&text, "; %s: inserted=%s updated=%s unchanged=%s rejected=%s parked=%s", PQgetvalue(r, row, 0),
                   PQgetvalue(r, row, 1), PQgetvalue(r, row, 2), PQgetvalue(r, row, 3), PQgetvalue(r, row, 4),
                   PQgetvalue(r, row, 5));
    PQclear(r);
    log_info("source %s: finished %s: records=%lld, %.0f/s%s", f->source->name, f->delivery.name, f->delivery.records,
             rate(f), buf_str(&text));
    buf_release(&text);
    return FEED_WORKED;
}

/* ---- steps ---- */

static void count_batch(struct feed *f)
{
    f->records += f->now->n;
    f->waiting = false; /* the batch has set the source's state */
    f->failures = 0;
    *f->told = 0;
}

/* What a person should know though nothing failed becomes what is told. Whether it is something else than before. */
static bool take_remark(struct feed *f)
{
    struct pull *p = &f->pull;
    *p->message = 0;
    if (f->source->kind->remark)
        f->source->kind->remark(p);
    bool news = strcmp(p->message, f->told) != 0;
    snprintf(f->told, sizeof f->told, "%s", p->message);
    return news;
}

/* Everything that the source has was taken. */
static enum feed_result end_pull(struct feed *f, struct session *s)
{
    forget_pull(f);
    delivery_close(&f->delivery);
    f->failures = 0;
    bool news = take_remark(f);
    const char *remark = *f->told ? f->told : NULL;
    f->look_at_ms = now_ms() + f->source->schedule.every_ms;
    f->pull.fd = f->source->kind->idle_fd ? f->source->kind->idle_fd(&f->pull) : -1;
    f->pull.events = POLLIN;
    if ((f->waiting || news) && set_state(f, s, "ready", remark) == FEED_RETRY)
        return FEED_RETRY;
    if (!f->source->kind->pulled && f->answered >= f->asked_before)
        return FEED_IDLE;
    return answer_done(f, s, remark) == FEED_RETRY || find_due(f, s) < 0 ? FEED_RETRY : FEED_IDLE;
}

static void take_next_intake(struct feed *f)
{
    struct intake *stored = f->now;
    intake_reset(stored);
    f->now = f->next;
    f->next = stored;
}

static enum feed_result run_batch(struct feed *f, struct loader *l)
{
    struct session *s = &l->session;
    enum batch_result result = batch_run(l, &f->delivery, f->now, f->next);
    enum feed_result told = FEED_WORKED;
    char message[sizeof f->told];
    switch (result) {
    case BATCH_STORED:
        count_batch(f);
        take_next_intake(f);
        tell_progress(f);
        return FEED_WORKED;
    case BATCH_PART:
        count_batch(f);
        intake_reset(f->now);
        delivery_drop_part(&f->delivery);
        f->look_at_ms = 0;
        tell_progress(f);
        return FEED_WORKED;
    case BATCH_LAST:
        count_batch(f);
        told = tell_finished(f, s);
        if (told != FEED_RETRY && f->source->kind->pulled)
            told = end_pull(f, s) == FEED_RETRY ? FEED_RETRY : FEED_WORKED;
        feed_drop_delivery(f);
        return told;
    case BATCH_CHANGED:
        snprintf(message, sizeof message, "%s changed while it was read; its last batch was dropped and is tried again",
                 f->delivery.name);
        return wait_for(f, s, message, f->source->schedule.every_ms);
    case BATCH_BROKEN:
        snprintf(message, sizeof message, "%s cannot be read to its end (the log says why)", f->delivery.name);
        return wait_for(f, s, message, 0);
    case BATCH_RETRY:
        return FEED_RETRY;
    case BATCH_STOP:
        break;
    }
    return stop(f, s, arena_printf(&l->arena, "%s: %s", f->delivery.name, s->failure.message));
}

static void note_start(struct feed *f)
{
    f->opened_ms = f->told_ms = now_ms();
    f->records = 0;
}

/* Begins a pull, unless one is under way. */
static int begin_pull(struct feed *f, struct session *s)
{
    if (!f->pull.passing)
        f->asked_before = f->asked;
    if (!f->source->kind->pulled || f->pull.passing)
        return 0;
    note_start(f);
    return pull_begin(&f->pull, s, &f->delivery);
}

static enum feed_result look(struct feed *f, struct session *s)
{
    struct pull *p = &f->pull;
    p->pause_ms = 0;
    p->fd = -1;
    p->logged = false;
    if (begin_pull(f, s) < 0)
        return FEED_RETRY;
    switch (f->source->kind->look(p, s, &f->delivery)) {
    case PULL_OPEN:
        if (!f->source->kind->pulled)
            note_start(f);
        return FEED_WORKED;
    case PULL_NOTHING:
        return end_pull(f, s);
    case PULL_BUSY:
        f->look_at_ms = p->look_at_ms;
        return FEED_IDLE;
    case PULL_WAIT:
        return wait_for(f, s, p->message, p->pause_ms);
    case PULL_STOP:
        return stop(f, s, p->message);
    case PULL_RETRY:
        break;
    }
    return FEED_RETRY;
}

enum feed_result feed_step(struct feed *f, struct loader *l, long long now)
{
    if (f->stopped)
        return FEED_IDLE;
    if (f->delivery.reader)
        return run_batch(f, l);
    return now < f->look_at_ms ? FEED_IDLE : look(f, &l->session);
}
