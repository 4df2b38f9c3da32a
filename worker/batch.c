#include "worker/batch.h"

#include <limits.h>

#include "lib/log.h"
#include "worker/field_ledger.h"
#include "worker/field_rename.h"
#include "worker/gone.h"
#include "worker/park.h"
#include "worker/pull.h"
#include "worker/raw_month.h"
#include "worker/read_ahead.h"

static const char doing_store[] = "storing a batch";

static const char next_id_sql[] = "SELECT pg_catalog.nextval(pg_catalog.pg_get_serial_sequence('raw.batch', 'id'))";
static const char delivery_sql[] =
    "INSERT INTO oriel.delivery (source, name, sha256, size, complete) VALUES ($1, $2, $3, $4::bigint, $5::boolean)\n"
    "ON CONFLICT (source, sha256, size) DO UPDATE SET name = EXCLUDED.name RETURNING id";
static const char batch_sql[] =
    "WITH kept AS (\n"
    "    INSERT INTO raw.batch (id, source, client, delivery, first_record, \"offset\", n_records, format, header,\n"
    "                           entities)\n"
    "    OVERRIDING SYSTEM VALUE\n"
    "    VALUES ($1::bigint, $2, $3, $4::bigint, $5::bigint, $6::bigint, $7::integer, $8::jsonb, $9, $10::jsonb)\n"
    "    RETURNING id, entities)\n"
    "INSERT INTO raw.batch_entity (batch, entity)\n"
    "SELECT k.id, e FROM kept k CROSS JOIN LATERAL pg_catalog.jsonb_object_keys(k.entities) e";
/* By itself: within the other statement the records would be copied once more for each step of it. raw.batch has the
 * same time, that of the transaction. */
static const char payload_sql[] = "INSERT INTO raw.payload (batch, received_at, records)\n"
                                  "VALUES ($1::bigint, pg_catalog.now(), $2::bytea[])";
static const char counts_sql[] = "SELECT entity, rejected, inserted + updated + unchanged + rejected + parked\n"
                                 "FROM raw.batch_entity WHERE batch = $1::bigint";
static const char reasons_sql[] =
    "SELECT pg_catalog.string_agg(d.text, ', ') FROM (\n"
    "    SELECT pg_catalog.format('%s x %s%s (%s)', pg_catalog.count(*), COALESCE(field || ' ', ''), reason, rule)\n"
    "           AS text\n"
    "    FROM raw.reject WHERE batch = $1::bigint AND entity = $2 AND action = 'reject'\n"
    "    GROUP BY field, reason, rule ORDER BY pg_catalog.count(*) DESC, field, reason LIMIT 3) d";
/* The old offset guards against a second writer: whoever comes later finds no row and stores nothing. */
static const char position_sql[] =
    "UPDATE oriel.delivery SET next_offset = $3::bigint, records = records + $4::bigint,\n"
    "       finished_at = CASE WHEN $5::boolean THEN pg_catalog.now() END\n"
    "WHERE id = $1::bigint AND next_offset = $2::bigint AND finished_at IS NULL";
/* That a pull is over stands with its last batch: a worker that dies behind it does not make it once more. */
static const char source_sql[] =
    "UPDATE oriel.source SET state = 'ready', message = NULL, looked_at = pg_catalog.now(),\n"
    "       batch_at = pg_catalog.now(), batches = batches + ($2::bigint > 0)::integer,\n"
    "       records = records + $2::bigint, position = COALESCE($3, position),\n"
    "       pulled_at = CASE WHEN $4::boolean THEN pg_catalog.clock_timestamp() ELSE pulled_at END\n"
    "WHERE name = $1";
static const char version_sql[] =
    "WITH changed AS (\n"
    "    UPDATE oriel.entity SET data_version = data_version + 1, changed_at = pg_catalog.clock_timestamp()\n"
    "    WHERE name = ANY ($1::text[]) RETURNING name)\n"
    "SELECT pg_catalog.pg_notify('oriel_data', name) FROM changed";

/* A batch in hand. */
struct batch {
    struct loader *loader;
    struct delivery *delivery;
    struct intake *intake;
    struct arena arena;
    const char *id;           /* raw.batch.id as text */
    struct position position; /* of a pull, behind this batch */
    const char *news;         /* unknown fields that this source never had before; NULL for none */
};

static const char *number(struct batch *b, long long n)
{
    return arena_printf(&b->arena, "%lld", n);
}

/* ---- storing ---- */

/* The entity files that clean the batch, each with the hash of its text. */
static const char *entities_json(struct batch *b)
{
    const struct source *source = b->delivery->source;
    struct buf json;
    buf_init(&json, 1 << 20);
    buf_putc(&json, '{');
    for (size_t i = 0; i < source->n_entities; i++) {
        if (i)
            buf_putc(&json, ',');
        buf_json_string(&json, source->entities[i]->file, strlen(source->entities[i]->file));
        buf_putc(&json, ':');
        buf_json_string(&json, source->entities[i]->sha256, strlen(source->entities[i]->sha256));
    }
    buf_putc(&json, '}');
    const char *s = arena_strdup(&b->arena, buf_str(&json));
    buf_release(&json);
    return s;
}

/* A pull that brought nothing moves the position and leaves no other trace; unless that nothing is all there is. */
static bool is_empty_pull(const struct batch *b)
{
    return b->delivery->pull && !b->delivery->id && !b->intake->n && !b->delivery->source->complete;
}

static int store_delivery(struct batch *b, struct session *s)
{
    struct delivery *d = b->delivery;
    if (d->id || is_empty_pull(b))
        return 0;
    const char *const params[] = {d->source->name, d->name, d->pull ? NULL : d->sha256,
                                  d->pull ? NULL : number(b, d->state.size), d->source->complete ? "true" : "false"};
    PGresult *r = session_query(s, doing_store, delivery_sql, 5, params);
    if (r)
        d->id = session_integer(r, 0, 0);
    PQclear(r);
    return r ? 0 : -1;
}

static int store_raw(struct batch *b, struct session *s)
{
    const struct delivery *d = b->delivery;
    const struct buf *records = &b->intake->records;
    const struct parameter params[] = {
        {.value = b->id},
        {.value = d->source->name},
        {.value = d->source->client},
        {.value = number(b, d->id)},
        {.value = number(b, d->records + 1)},
        {.value = number(b, (long long)b->intake->offset)},
        {.value = number(b, b->intake->n)},
        {.value = format_json(&d->source->format, &b->arena)},
        {.value = d->header, .len = (int)d->header_len, .binary = 1},
        {.value = entities_json(b)},
    };
    const struct parameter payload[] = {
        {.value = b->id},
        {.value = records->data, .len = (int)records->len, .binary = 1},
    };
    PGresult *r = session_query_binary(s, doing_store, batch_sql, ARRAY_SIZE(params), params, false);
    if (r) {
        PQclear(r);
        int sent = session_send_binary(s, payload_sql, ARRAY_SIZE(payload), payload, false);
        load_take_out_known(&b->intake->load, &b->loader->merge);
        r = session_receive(s, doing_store, sent);
    }
    if (!r && raw_month_is_missing(&s->failure))
        failure_set(&s->failure, "40001", doing_store, "raw has no month for today; it is made before the next try");
    PQclear(r);
    return r ? 0 : -1;
}

/* A field that somebody renamed may be why. The end of the sentence, with that. */
static const char *renamed(struct batch *b)
{
    struct field_count *f = &b->intake->fields;
    size_t n;
    const struct field_deviation *list = field_count_list(f, &b->arena, &n);
    for (size_t i = 0; i < n; i++) {
        const char *now = field_renamed_to(&list[i], list, n, f->records);
        if (now)
            return arena_printf(&b->arena,
                                "; %lld records lack %s: was it renamed to %s, which no entity file asks for?",
                                list[i].n, list[i].place, now);
    }
    return ".";
}

/* Says why the source stops: too much of the batch is rejected. */
static int tell_limit(struct batch *b, struct session *s, const struct entity *e, long long rejected)
{
    PGresult *r = session_query(s, doing_store, reasons_sql, 2, (const char *[]){b->id, e->file});
    if (!r)
        return -1;
    failure_set(
        &s->failure, "P0001", doing_store,
        "%lld of %d records would be rejected for %s, more than limits.rejectPercent (%g) allows: %s%s Nothing of "
        "this batch was taken; `oriel try` shows the rejects; mend the entity file or the delivery, then reload",
        rejected, b->intake->n, e->file, e->reject_percent, PQgetvalue(r, 0, 0), renamed(b));
    PQclear(r);
    return -1;
}

/* Holds the batch's counts to the sum rule and to the limits of its entity files. */
static int check_counts(struct batch *b, struct session *s)
{
    PGresult *r = session_query(s, doing_store, counts_sql, 1, &b->id);
    int result = r ? 0 : -1;
    for (int row = 0; result == 0 && row < PQntuples(r); row++) {
        const struct entity *e = entity_find(b->loader->entities, PQgetvalue(r, row, 0));
        long long rejected = session_integer(r, row, 1);
        int of = b->intake->n < LIMIT_SMALLEST_BATCH ? LIMIT_SMALLEST_BATCH : b->intake->n;
        if (session_integer(r, row, 2) != b->intake->n) {
            failure_set(&s->failure, "XX000", doing_store,
                        "the counts of %s do not add up to the %d records of the batch", e->file, b->intake->n);
            result = -1;
        } else if ((double)rejected * 100 > e->reject_percent * of)
            result = tell_limit(b, s, e, rejected);
    }
    PQclear(r);
    return result;
}

/* Counts up the data version of each entity that changed, and tells who listens. */
static int publish(struct batch *b, struct session *s)
{
    const struct entity_set *set = b->loader->entities;
    const char **names = arena_array(&b->arena, set->n, sizeof *names);
    size_t n = 0;
    for (size_t i = 0; i < set->n; i++)
        if (b->loader->changed[i])
            names[n++] = set->list[i].name;
    if (!n)
        return 0;
    const char *array = session_array(&b->arena, names, n);
    return session_run(s, doing_store, version_sql, 1, &array);
}

static int move_delivery(struct batch *b, struct session *s)
{
    struct delivery *d = b->delivery;
    long long from = delivery_mark(d, d->offset, d->records);
    long long to = delivery_mark(d, b->intake->next_offset, d->records + b->intake->n);
    const char *const params[] = {number(b, d->id), number(b, from), number(b, to), number(b, b->intake->n),
                                  b->intake->last ? "true" : "false"};
    PGresult *r = session_query(s, doing_store, position_sql, 5, params);
    if (!r)
        return -1;
    bool moved = strcmp(PQcmdTuples(r), "1") == 0;
    PQclear(r);
    if (moved)
        return 0;
    failure_set(&s->failure, "40001", doing_store, "the position of %s has moved: another worker writes", d->name);
    return -1;
}

static int move_position(struct batch *b, struct session *s)
{
    const struct delivery *d = b->delivery;
    const struct intake *in = b->intake;
    const char *position = NULL;
    if (d->pull) {
        pull_position(d->pull, d, in, &b->arena, &b->position);
        position = position_text(&b->position, &b->arena);
    }
    if (!is_empty_pull(b) && move_delivery(b, s) < 0)
        return -1;
    const char *const params[] = {d->source->name, number(b, in->n), position, d->pull && in->last ? "true" : "false"};
    return session_run(s, doing_store, source_sql, 4, params);
}

/* A replay that is just writing comes first. Constraints that would wait for COMMIT are checked at once, so that the
 * record is found that breaks one. */
static int begin(struct session *s)
{
    PGresult *r = session_script(s, doing_store,
                                 "BEGIN; SELECT pg_catalog.pg_advisory_xact_lock_shared(" LOCK_STORE "); "
                                 "SET CONSTRAINTS ALL IMMEDIATE");
    PQclear(r);
    return r ? 0 : -1;
}

static int store_fields(struct batch *b, struct session *s)
{
    const struct delivery *d = b->delivery;
    return field_ledger_add(&b->intake->fields, s, &b->arena, d->source->name, d->id, &b->news);
}

static int store(struct batch *b)
{
    struct loader *l = b->loader;
    struct session *s = &l->session;
    memset(l->changed, 0, l->entities->n * sizeof *l->changed);
    if (begin(s) < 0 || watch_look(&l->watch, s) < 0 || store_delivery(b, s) < 0)
        return -1;
    b->intake->load.delivery = b->delivery->id;
    if (b->intake->n &&
        (store_raw(b, s) < 0 || store_fields(b, s) < 0 || load_store(&b->intake->load, &l->merge, s, l->changed) < 0 ||
         park_take_up(&b->intake->load, &l->merge, s, l->changed) < 0 || check_counts(b, s) < 0))
        return -1;
    if (b->intake->last && b->delivery->source->complete && b->delivery->id &&
        gone_end_delivery(&l->merge, s, b->delivery->source, b->delivery->id, l->changed) < 0)
        return -1;
    if (publish(b, s) < 0)
        return -1;
    return move_position(b, s);
}

/* A delivery's row that was made in a transaction which was rolled back is not there. */
static void roll_back(struct batch *b, bool had_id)
{
    struct session *s = &b->loader->session;
    struct failure why = s->failure;
    if (PQtransactionStatus(s->c) != PQTRANS_IDLE)
        PQclear(session_script(s, doing_store, "ROLLBACK")); /* if it fails, the connection is gone, and all with it */
    s->failure = why;
    if (!had_id)
        b->delivery->id = 0;
}

/* A table that was changed since its columns were read is no reason to stop: they are read again. */
static enum batch_result judge_failure(struct loader *l)
{
    struct session *s = &l->session;
    struct failure why = s->failure;
    bool current = true;
    if (failure_remedy(&why) != REMEDY_RETRY && PQtransactionStatus(s->c) == PQTRANS_IDLE &&
        merge_is_current(&l->merge, s, &current) < 0)
        return BATCH_RETRY;
    s->failure = why;
    return failure_remedy(&why) == REMEDY_RETRY || !current ? BATCH_RETRY : BATCH_STOP;
}

static enum batch_result store_or_not(struct batch *b)
{
    struct session *s = &b->loader->session;
    bool had_id = b->delivery->id;
    enum batch_result stored = b->intake->last ? BATCH_LAST : b->intake->part_ends ? BATCH_PART : BATCH_STORED;
    enum batch_result result = stored;
    if (store(b) < 0)
        result = BATCH_STOP;
    else if (!delivery_unchanged(b->delivery))
        result = BATCH_CHANGED;
    else if (session_run(s, "committing a batch", "COMMIT", 0, NULL) < 0)
        result = BATCH_STOP;
    merge_transaction_ended(&b->loader->merge);
    watch_transaction_ended(&b->loader->watch, result == stored);
    if (result != stored) {
        roll_back(b, had_id);
        return result == BATCH_STOP ? judge_failure(b->loader) : result;
    }
    if (b->news)
        log_info(
            "source %s: fields that no entity file asks for, kept in raw only: %s (told once; `oriel status` counts "
            "them)",
            b->delivery->source->name, b->news);
    b->delivery->offset = b->intake->next_offset;
    b->delivery->records += b->intake->n;
    if (b->delivery->pull)
        pull_moved(b->delivery->pull, &b->position);
    return result;
}

/* What a failed read means, which was told already. */
static enum batch_result unreadable(struct batch *b)
{
    const struct delivery *d = b->delivery;
    if (d->pull)
        return BATCH_BROKEN;
    if (!delivery_unchanged(d))
        return BATCH_CHANGED;
    failure_set(
        &b->loader->session.failure, "XX001", "reading a delivery",
        "it cannot be read beyond byte %llu (record %lld; the log says why); mend it or take it away, then reload",
        (unsigned long long)b->intake->next_offset, d->records + b->intake->n + 1);
    return BATCH_STOP;
}

/* ---- reading ---- */

static int begin_intake(struct loader *l, struct intake *in, uint64_t offset)
{
    PGresult *r = session_query(&l->session, doing_store, next_id_sql, 0, NULL);
    if (r)
        intake_begin(in, session_integer(r, 0, 0), offset);
    PQclear(r);
    return r ? 0 : -1;
}

static enum batch_result store_and_read_ahead(struct batch *b, struct intake *next)
{
    bool more = !b->intake->part_ends;
    if (more && begin_intake(b->loader, next, b->intake->next_offset) < 0)
        return judge_failure(b->loader);
    if (more)
        read_ahead_begin(next, b->delivery);
    enum batch_result result = store_or_not(b);
    if (more)
        read_ahead_end(result == BATCH_STORED);
    return result;
}

enum batch_result batch_run(struct loader *l, struct delivery *d, struct intake *now, struct intake *next)
{
    if (!now->batch && begin_intake(l, now, d->offset) < 0)
        return judge_failure(l);
    (void)intake_read(now, d, INT_MAX);
    struct batch b = {.loader = l, .delivery = d, .intake = now};
    arena_init(&b.arena);
    b.id = number(&b, now->batch);
    enum batch_result result = now->failed ? unreadable(&b) : store_and_read_ahead(&b, next);
    arena_release(&b.arena);
    return result;
}

/* ---- the loader ---- */

void loader_init(struct loader *l)
{
    *l = (struct loader){0};
    arena_init(&l->arena);
    watch_init(&l->watch);
}

int loader_prepare(struct loader *l, const struct entity_set *entities)
{
    watch_release(&l->watch);
    arena_reset(&l->arena);
    l->entities = entities;
    l->changed = arena_array(&l->arena, entities->n, sizeof *l->changed);
    return merge_prepare(&l->merge, &l->arena, &l->session, entities);
}

int loader_watch(struct loader *l)
{
    if (watch_begin(&l->watch, &l->arena, &l->session, l->entities, l->merge.relations) < 0)
        return -1;
    l->merge.watch = &l->watch;
    return 0;
}

void loader_release(struct loader *l)
{
    watch_release(&l->watch);
    arena_release(&l->arena);
    session_close(&l->session);
}
