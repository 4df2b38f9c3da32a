#include "worker/feed.h"

#include "lib/log.h"

enum { TELL_EVERY_MS = 5000 };

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
    *f = (struct feed){.source = source, .half_loaded_first = true, .delivery = {.fd = -1}};
    f->now = &f->intakes[0];
    f->next = &f->intakes[1];
    intake_init(f->now, entities);
    intake_init(f->next, entities);
    drop_init(&f->drop, source);
}

void feed_release(struct feed *f)
{
    delivery_close(&f->delivery);
    intake_release(f->now);
    intake_release(f->next);
    drop_release(&f->drop);
}

int feed_register(struct feed *f, struct session *s)
{
    f->waiting = false;
    return session_run(s, "registering a source", register_sql, 2,
                       (const char *[]){f->source->name, f->source->client});
}

void feed_drop_delivery(struct feed *f)
{
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

static enum feed_result stop(struct feed *f, struct session *s, const char *message)
{
    log_error("source %s is stopped: %s", f->source->name, message);
    f->stopped = true;
    feed_drop_delivery(f);
    return set_state(f, s, "stopped", message);
}

/* what: a name; why: the rest of the sentence. */
static enum feed_result wait_for(struct feed *f, struct session *s, const char *what, const char *why)
{
    char message[1024];
    snprintf(message, sizeof message, "%s %s", what, why);
    log_warn("source %s: %s", f->source->name, message);
    feed_drop_delivery(f);
    f->look_at_ms = now_ms() + f->source->poll_ms;
    return set_state(f, s, "waiting", message);
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
    double percent = 100.0 * (double)d->offset / (double)d->state.size;
    log_info("source %s: %s, %lld records so far (%.0f%%), %.0f/s", f->source->name, d->name, d->records, percent,
             rate(f));
}

static enum feed_result tell_finished(struct feed *f, struct session *s)
{
    char id[32];
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
    switch (result) {
    case BATCH_STORED:
        count_batch(f);
        take_next_intake(f);
        tell_progress(f);
        return FEED_WORKED;
    case BATCH_LAST:
        count_batch(f);
        told = tell_finished(f, s);
        feed_drop_delivery(f);
        return told;
    case BATCH_CHANGED:
        return wait_for(f, s, f->delivery.name,
                        "changed while it was read; its last batch was dropped and is tried again");
    case BATCH_RETRY:
        return FEED_RETRY;
    case BATCH_STOP:
        break;
    }
    return stop(f, s, arena_printf(&l->arena, "%s: %s", f->delivery.name, s->failure.message));
}

/* The file to begin with after a start: the one that was half loaded, so that the order is as if nothing had happened.
 */
static enum feed_result find_half_loaded(struct feed *f, struct session *s, struct arena *a, const char **name)
{
    *name = NULL;
    return f->half_loaded_first && delivery_half_loaded(name, a, s, f->source) < 0 ? FEED_RETRY : FEED_IDLE;
}

static enum feed_result unreadable(struct feed *f, struct session *s, const char *name)
{
    char message[512];
    snprintf(message, sizeof message, "%s cannot be read (the log says why); mend it or take it away, then reload",
             name);
    return stop(f, s, message);
}

/* Takes the next delivery in hand. FEED_WORKED: there is one. */
static enum feed_result take_delivery(struct feed *f, struct session *s, const char *first)
{
    for (struct drop_file *file; (file = drop_next(&f->drop, first));) {
        switch (delivery_open(&f->delivery, s, f->source, file)) {
        case DELIVERY_OPEN:
            f->opened_ms = f->told_ms = now_ms();
            f->records = 0;
            f->half_loaded_first = false;
            return FEED_WORKED;
        case DELIVERY_DONE:
            file->done = true;
            continue;
        case DELIVERY_CHANGED:
            return FEED_IDLE;
        case DELIVERY_UNREADABLE:
            return unreadable(f, s, file->name);
        case DELIVERY_UNKNOWN:
            return FEED_RETRY;
        }
    }
    return FEED_IDLE;
}

static enum feed_result look(struct feed *f, struct session *s)
{
    f->look_at_ms = now_ms() + f->source->poll_ms;
    if (drop_scan(&f->drop) < 0)
        return f->waiting ? FEED_IDLE : set_state(f, s, "waiting", "its folder cannot be read");
    struct arena a;
    const char *first;
    arena_init(&a);
    enum feed_result result = find_half_loaded(f, s, &a, &first);
    if (result == FEED_IDLE)
        result = take_delivery(f, s, first);
    arena_release(&a);
    if (result == FEED_IDLE && f->waiting && !f->stopped)
        result = set_state(f, s, "ready", NULL);
    return result;
}

enum feed_result feed_step(struct feed *f, struct loader *l, long long now)
{
    if (f->stopped)
        return FEED_IDLE;
    if (f->delivery.reader)
        return run_batch(f, l);
    return now < f->look_at_ms ? FEED_IDLE : look(f, &l->session);
}
