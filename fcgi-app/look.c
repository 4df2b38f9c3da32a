#include "fcgi-app/look.h"

#include <stdio.h>
#include <string.h>

#include "fcgi-app/clock.h"
#include "fcgi-app/data_version.h"
#include "lib/log.h"
#include "lib/pg.h"

enum {
    LOOK_INTERVAL = 30000,   /* ms between looks at the catalog, for what no notification told */
    LOOK_AFTER_DOUBT = 1000, /* ms at least between looks that errors ask for */
    DETAILS_AFTER = 5        /* ms after a session is ready: what waits for it is asked first */
};

/* Formats that json_row.c reads, and three belts beside the role's own braces. */
static const char session_sql[] = "SELECT pg_catalog.set_config('search_path', '', false),"
                                  " pg_catalog.set_config('default_transaction_read_only', 'on', false),"
                                  " pg_catalog.set_config('statement_timeout', $1, false),"
                                  " pg_catalog.set_config('DateStyle', 'ISO', false),"
                                  " pg_catalog.set_config('IntervalStyle', 'postgres', false),"
                                  " pg_catalog.set_config('bytea_output', 'hex', false),"
                                  " pg_catalog.set_config('extra_float_digits', '1', false)";

static void session_done(struct task *t, const PGresult *r)
{
    struct look *l = t->owner;
    if (!r || PQresultStatus(r) == PGRES_TUPLES_OK)
        return;
    pg_tell_failure(l->pipeline->conn, r, "setting the session up");
    l->pipeline->broken = true; /* without these settings nothing may be read */
}

static void listen_done(struct task *t, const PGresult *r)
{
    (void)t;
    if (r && PQresultStatus(r) != PGRES_COMMAND_OK)
        log_info("this server takes no LISTEN (a standby does not); contracts are looked at every %d s",
                 LOOK_INTERVAL / 1000);
}

/* A failure was told of the other channel. */
static void listen_data_done(struct task *t, const PGresult *r)
{
    struct look *l = t->owner;
    (void)r;
    l->heard++;
}

static void look(struct look *l)
{
    l->promising = true;
    l->again = false;
    l->looked_at = clock_ms();
    l->look_at = l->looked_at + LOOK_INTERVAL;
    pipeline_send(l->pipeline, &l->promises);
}

static void send_details(struct look *l)
{
    l->details_at = INT64_MAX;
    l->details = 2;
    pipeline_send(l->pipeline, &l->definitions);
    pipeline_send(l->pipeline, &l->sources);
}

static void become_ready(struct look *l)
{
    if (l->ready)
        return;
    l->ready = true;
    l->details_at = clock_ms() + DETAILS_AFTER;
}

/* Sends for the leases that are to be taken or given up; false when there are none. */
static bool send_lease(struct look *l)
{
    arena_reset(&l->lease_arena);
    if (!catalog_lease_params(l->catalog, &l->lease_arena, l->lease_params))
        return false;
    pipeline_send(l->pipeline, &l->lease);
    return true;
}

static void promises_done(struct task *t, const PGresult *r)
{
    struct look *l = t->owner;
    l->promising = false;
    if (!r || l->pipeline->broken)
        return;
    int found = catalog_look(l->catalog, r);
    /* Cancelled, perhaps; or the view was just made anew, and what was seen of it is half old, half new. */
    if (found != 0)
        l->pipeline->doubt = true;
    if (found < 0) {
        l->pipeline->broken = !l->ready;
        return;
    }
    if (l->leasing) /* this was the session's first look */
        return;
    l->leasing = send_lease(l);
    if (l->ready)
        send_details(l);
    else if (!l->leasing)
        become_ready(l);
}

static void definitions_done(struct task *t, const PGresult *r)
{
    struct look *l = t->owner;
    l->details--;
    if (!r || l->pipeline->broken)
        return;
    if (PQresultStatus(r) != PGRES_TUPLES_OK)
        pg_tell_failure(l->pipeline->conn, r, "reading the definitions of the contracts");
    catalog_definitions(l->catalog, r);
}

/* Without it all is served, with tags that cost the answer. */
static void sources_done(struct task *t, const PGresult *r)
{
    struct look *l = t->owner;
    l->details--;
    if (!r || l->pipeline->broken)
        return;
    bool failed = PQresultStatus(r) != PGRES_TUPLES_OK;
    if (failed && !l->sources_failed)
        log_warn("no data versions can be had, so a 304 costs the whole query: %s. What to do: run `oriel init`",
                 PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY));
    l->sources_failed = failed;
    catalog_sources(l->catalog, r);
}

static void lease_done(struct task *t, const PGresult *r)
{
    struct look *l = t->owner;
    l->leasing = false;
    if (!r || l->pipeline->broken)
        return;
    if (PQresultStatus(r) != PGRES_TUPLES_OK) {
        pg_tell_failure(l->pipeline->conn, r, "taking leases");
        l->pipeline->broken = true; /* nothing is served without them */
        return;
    }
    catalog_lease(l->catalog, r);
    if (l->promising) /* the first look is run again, behind this; nothing is served before it is done */
        return;
    if (!l->ready && catalog_leased_too_much(l->catalog))
        l->leasing = send_lease(l);
    become_ready(l);
}

void look_init(struct look *l, struct pipeline *pipeline, struct catalog *catalog, int64_t statement_timeout)
{
    *l = (struct look){.pipeline = pipeline, .catalog = catalog, .details_at = INT64_MAX};
    snprintf(l->timeout_text, sizeof l->timeout_text, "%lld", (long long)statement_timeout);
    l->session_params[0] = l->timeout_text;
    l->session =
        (struct task){.sql = session_sql, .n_params = 1, .params = l->session_params, .done = session_done, .owner = l};
    l->listen = (struct task){.sql = "LISTEN oriel_contract", .done = listen_done, .owner = l};
    l->listen_data = (struct task){.sql = "LISTEN oriel_data", .done = listen_data_done, .owner = l};
    l->promises = (struct task){.sql = contract_promises_sql, .keep_prepared = true, .done = promises_done, .owner = l};
    l->definitions =
        (struct task){.sql = contract_definitions_sql, .keep_prepared = true, .done = definitions_done, .owner = l};
    l->sources = (struct task){.sql = data_sources_sql, .keep_prepared = true, .done = sources_done, .owner = l};
    l->lease = (struct task){
        .sql = catalog_lease_sql, .n_params = 2, .params = l->lease_params, .done = lease_done, .owner = l};
    arena_init(&l->lease_arena);
}

void look_release(struct look *l)
{
    arena_release(&l->lease_arena);
}

/*
 * The session first; then LISTEN before the look, so that no change falls between the two; then, without waiting for
 * what the look finds, the leases on all contracts that held when it was last known. One that holds no more is given up
 * a moment later; nobody reads it meanwhile.
 */
void look_start(struct look *l)
{
    pipeline_send(l->pipeline, &l->session);
    pipeline_send(l->pipeline, &l->listen);
    pipeline_send(l->pipeline, &l->listen_data);
    look(l);
    l->leasing = send_lease(l);
}

void look_stop(struct look *l)
{
    l->ready = l->promising = l->leasing = false;
    l->details = 0;
    l->details_at = INT64_MAX;
    catalog_session_lost(l->catalog);
}

void look_receive(struct look *l)
{
    for (PGnotify *n; (n = PQnotifies(l->pipeline->conn)); PQfreemem(n)) {
        l->heard++; /* a change of a contract may have written, too */
        if (strcmp(n->relname, "oriel_data") != 0)
            l->again = true;
    }
}

/* What a look is made of is under way once at most. That it was sent before the next look is not enough: what failed
 * may be run again behind it. */
static bool may_look(const struct look *l)
{
    return !l->promising && !l->leasing && !l->details;
}

int64_t look_turn(struct look *l, int64_t now)
{
    if (l->pipeline->doubt && l->look_at > l->looked_at + LOOK_AFTER_DOUBT)
        l->look_at = l->looked_at + LOOK_AFTER_DOUBT;
    l->pipeline->doubt = false;
    if (may_look(l) && now >= l->details_at)
        send_details(l);
    if (may_look(l) && (l->again || now >= l->look_at))
        look(l);
    if (!may_look(l))
        return INT64_MAX;
    return l->details_at < l->look_at ? l->details_at : l->look_at;
}
