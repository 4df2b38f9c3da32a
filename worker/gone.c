#include "worker/gone.h"

#include "lib/log.h"
#include "worker/ledger.h"

static const char doing_gone[] = "marking what is missing from a complete delivery";

/* Merging has told the planner to look rows up one by one; here all of them are compared. */
static const char hash[] = "SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on";
static const char unread_sql[] =
    "SELECT pg_catalog.count(*) FROM ${ledger}.seen WHERE delivery = $1::bigint AND entity = $2 AND key IS NULL";
static const char forget_sql[] = "DELETE FROM ${ledger}.seen WHERE delivery = $1::bigint";
/* One that was begun when its source was not said to be complete has not noted all keys. */
static const char complete_sql[] = "SELECT complete FROM oriel.delivery WHERE id = $1::bigint";
static const char supersede_sql[] = "WITH older AS (\n"
                                    "    UPDATE oriel.delivery SET gone = 'superseded', gone_message = NULL\n"
                                    "    WHERE source = $2 AND gone = 'waiting' AND id <> $1::bigint RETURNING id)\n"
                                    "DELETE FROM raw.seen USING older WHERE delivery = older.id";
static const char marked_sql[] = "UPDATE oriel.delivery SET gone = 'marked', gone_rows = $2::bigint, gone_stored = "
                                 "pg_catalog.nextval('raw.stored')\n"
                                 "WHERE id = $1::bigint";
static const char waiting_sql[] =
    "UPDATE oriel.delivery SET gone = 'waiting', gone_rows = $2::bigint, gone_message = $3 WHERE id = $1::bigint";

/* What a delivery would take away of one entity. */
struct missing {
    long long there, missing, unread;
};

static int is_complete(struct session *s, const char *delivery, bool *complete)
{
    PGresult *r = session_query(s, doing_gone, complete_sql, 1, &delivery);
    *complete = r && *PQgetvalue(r, 0, 0) == 't';
    PQclear(r);
    return r ? 0 : -1;
}

/* Several files may feed one entity; it is looked at with the first of them. */
static bool is_first(const struct source *source, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (strcmp(source->entities[k]->name, source->entities[i]->name) == 0)
            return false;
    return true;
}

static const struct merge_entity *mergeable(const struct merge *m, const struct source *source, size_t i, size_t *at)
{
    *at = (size_t)(entity_find(m->set, source->entities[i]->file) - m->set->list);
    const struct merge_entity *e = &m->list[*at];
    return e->problem || !e->sql.mark || !is_first(source, i) ? NULL : e;
}

static int script(struct session *s, const char *sql)
{
    PGresult *r = session_script(s, doing_gone, sql);
    PQclear(r);
    return r ? 0 : -1;
}

static int count_missing(struct merge *m, struct session *s, const char *sql, const char *entity,
                         const char *const *params, struct missing *out)
{
    struct arena a;
    arena_init(&a);
    const char *const about[] = {params[0], entity};
    PGresult *r = session_query(s, doing_gone, sql, 2, params);
    PGresult *unread = r ? session_query(s, doing_gone, ledger_sql(&a, m->set, unread_sql), 2, about) : NULL;
    if (unread)
        *out = (struct missing){session_integer(r, 0, 0), session_integer(r, 0, 1), session_integer(unread, 0, 0)};
    int result = unread ? 0 : -1;
    PQclear(r);
    PQclear(unread);
    arena_release(&a);
    return result;
}

/* Why a person is to look first; NULL when nobody has to. */
static const char *objection(struct arena *a, const struct source *source, const char *entity, const struct missing *n)
{
    if (!n->missing)
        return NULL;
    if ((double)n->missing * 100 > source->most_gone_percent * (double)n->there)
        return arena_printf(a, "%lld of %lld rows of %s are missing; maxGonePercent is %g", n->missing, n->there,
                            entity, source->most_gone_percent);
    if (n->unread)
        return arena_printf(
            a, "%lld rows of %s are missing, and %lld records have keys that cannot be read, so they may be these",
            n->missing, entity, n->unread);
    return NULL;
}

int gone_mark(struct merge *m, struct session *s, const struct source *source, const bool *chosen, long long delivery,
              bool *changed, long long *rows)
{
    struct arena a;
    arena_init(&a);
    const char *const params[] = {arena_printf(&a, "%lld", delivery), source->name};
    int result = script(s, hash);
    *rows = 0;
    for (size_t i = 0; result == 0 && i < source->n_entities; i++) {
        size_t at;
        const struct merge_entity *e = mergeable(m, source, i, &at);
        if (!e || (chosen && !chosen[at]))
            continue;
        PGresult *r = session_query(s, doing_gone, e->sql.mark, 2, params);
        result = r ? 0 : -1;
        long long n = r ? strtoll(PQcmdTuples(r), NULL, 10) : 0;
        changed[at] = changed[at] || n;
        if (n && m->watch)
            watch_forget(m->watch, at);
        *rows += n;
        PQclear(r);
    }
    if (result == 0)
        result = session_run(s, doing_gone, ledger_sql(&a, m->set, forget_sql), 1, params);
    arena_release(&a);
    return result;
}

static int have_wait(struct session *s, struct arena *a, const struct source *source, const char *delivery,
                     long long missing, const char *why)
{
    log_warn("source %s: delivery %s waits for a person: %s. Nothing was marked gone; `oriel release %s` marks them, "
             "`oriel refuse %s` leaves them",
             source->name, delivery, why, delivery, delivery);
    return session_run(s, doing_gone, waiting_sql, 3,
                       (const char *[]){delivery, arena_printf(a, "%lld", missing), why});
}

static int decide(struct merge *m, struct session *s, struct arena *a, const struct source *source, long long delivery,
                  bool *changed)
{
    const char *const params[] = {arena_printf(a, "%lld", delivery), source->name};
    const char *why = NULL;
    long long missing = 0, rows;
    bool complete;
    if (is_complete(s, params[0], &complete) < 0)
        return -1;
    if (!complete)
        return 0;
    if (session_run(s, doing_gone, supersede_sql, 2, params) < 0 || script(s, hash) < 0)
        return -1;
    for (size_t i = 0; i < source->n_entities; i++) {
        size_t at;
        struct missing n;
        const struct merge_entity *e = mergeable(m, source, i, &at);
        if (!e)
            continue;
        if (count_missing(m, s, e->sql.missing, source->entities[i]->name, params, &n) < 0)
            return -1;
        missing += n.missing;
        why = why ? why : objection(a, source, source->entities[i]->name, &n);
    }
    if (why)
        return have_wait(s, a, source, params[0], missing, why);
    if (gone_mark(m, s, source, NULL, delivery, changed, &rows) < 0)
        return -1;
    if (rows)
        log_info("source %s: %lld rows are missing from delivery %s and marked gone", source->name, rows, params[0]);
    return session_run(s, doing_gone, marked_sql, 2, (const char *[]){params[0], arena_printf(a, "%lld", rows)});
}

int gone_end_delivery(struct merge *m, struct session *s, const struct source *source, long long delivery,
                      bool *changed)
{
    struct arena a;
    arena_init(&a);
    int result = decide(m, s, &a, source, delivery, changed);
    arena_release(&a);
    return result;
}
