#include "worker/replay.h"

#include "lib/log.h"
#include "lib/text.h"
#include "worker/kept.h"
#include "worker/progress.h"
#include "worker/turn.h"

static const char doing_open[] = "beginning a replay";

int replay_tell(const struct session *s)
{
    const struct failure *f = &s->failure;
    log_error("%s: %s (SQLSTATE %s); nothing is half done, and the same replay goes on where it was", f->doing,
              f->message, f->sqlstate);
    return -1;
}

/* ---- what is to be replayed ---- */

/* The name may be an entity's, or an entity file's, which means its entity. NULL after a message. */
static const struct entity *find_entity(const struct entity_set *set, const char *name)
{
    enum { MOST_NAMES = 256 };
    const char *names[MOST_NAMES + 1];
    size_t n = 0;
    const struct entity *e = entity_by_name(set, name);
    e = e ? e : entity_find(set, name);
    if (e)
        return e;
    for (; n < set->n && n < MOST_NAMES; n++)
        names[n] = set->list[n].name;
    names[n] = NULL;
    const char *near = text_nearest(name, names);
    log_error("there is no entity \"%s\"%s%s%s", name, near ? "; did you mean \"" : "", near ? near : "",
              near ? "\"?" : "");
    return NULL;
}

int replay_check_names(const struct domain *d, const char *const *entities)
{
    for (; *entities; entities++)
        if (!find_entity(&d->entities, *entities))
            return -1;
    return 0;
}

static int choose(struct replay *r, const char *const *entities)
{
    const struct entity_set *set = &r->domain->entities;
    r->chosen = arena_array(&r->arena, set->n, sizeof *r->chosen);
    for (size_t i = 0; !*entities && i < set->n; i++)
        r->chosen[i] = true;
    for (; *entities; entities++) {
        const struct entity *e = find_entity(set, *entities);
        for (size_t i = 0; e && i < set->n; i++)
            r->chosen[i] = r->chosen[i] || strcmp(set->list[i].name, e->name) == 0;
        if (!e)
            return -1;
    }
    return 0;
}

static void make_shadow_set(struct replay *r)
{
    const struct entity_set *live = &r->domain->entities;
    r->set = (struct entity_set){.n = live->n, .ledger = SCHEMA_REPLAY};
    r->set.list = arena_array(&r->arena, live->n, sizeof *r->set.list);
    for (size_t i = 0; i < live->n; i++) {
        r->set.list[i] = live->list[i];
        if (!r->chosen[i])
            continue;
        r->set.list[i].live_schema = live->list[i].schema;
        r->set.list[i].schema = SCHEMA_REPLAY;
    }
}

static int make_tables(struct replay *r)
{
    const struct entity_set *set = &r->domain->entities;
    r->tables = arena_array(&r->arena, set->n, sizeof *r->tables);
    for (size_t i = 0; i < set->n; i++) {
        if (!r->chosen[i] || entity_by_name(set, set->list[i].name) != &set->list[i])
            continue;
        if (r->live.merge.list[i].problem) {
            log_error("entity %s: %s", set->list[i].file, r->live.merge.list[i].problem);
            return -1;
        }
        for (size_t k = 0; k < r->n_tables; k++)
            if (strcmp(r->tables[k].entity->table, set->list[i].table) == 0) {
                log_error("the tables of %s and %s have one name in two schemas; replay them one by one",
                          r->tables[k].entity->name, set->list[i].name);
                return -1;
            }
        replay_table_make(&r->tables[r->n_tables++], &r->arena, set, i, r->chosen, &r->live.merge.relations[i],
                          r->scope.since || r->scope.batch || r->scope.rejects);
    }
    return 0;
}

/* A hash of all that decides what the shadows are to hold: an interrupted replay goes on only with the same. */
static const char *plan_hash(struct replay *r)
{
    struct buf b;
    buf_init(&b, 16 << 20);
    buf_puts(&b, "oriel " ORIEL_VERSION "\n");
    for (size_t i = 0; i < r->set.n; i++) {
        const struct entity *e = &r->set.list[i];
        const struct relation *relation = &r->live.merge.relations[i];
        if (!r->chosen[i])
            continue;
        buf_printf(&b, "entity %s %s\n", e->file, e->sha256);
        for (size_t k = 0; k < relation->n_columns; k++)
            buf_printf(&b, " %s %s\n", relation->columns[k].name, relation->columns[k].type);
    }
    for (const struct source *s = r->domain->sources.list; s < r->domain->sources.list + r->domain->sources.n; s++) {
        buf_printf(&b, "source %s %s\n", s->name, format_json(&s->format, &r->arena));
        for (size_t i = 0; i < s->n_entities; i++)
            buf_printf(&b, " %s\n", s->entities[i]->file);
    }
    char *hash = arena_alloc(&r->arena, 65);
    text_sha256(buf_str(&b), b.len, hash);
    buf_release(&b);
    return hash;
}

/* ---- beginning and ending ---- */

static int take_turn(const struct replay *r)
{
    int mine = turn_take(r->live.session.c, doing_open, LOCK_REPLAY);
    if (mine == 0)
        log_error("another replay is at work in this database; run this one again when it has ended");
    return mine > 0 ? 0 : -1;
}

static int run(struct replay *r, const char *sql, int n, const char *const *params)
{
    return session_run(&r->live.session, doing_open, sql, n, params) < 0 ? replay_tell(&r->live.session) : 0;
}

int replay_discard(struct replay *r)
{
    static const char sql[] =
        "DO $$ DECLARE t pg_catalog.regclass; BEGIN\n"
        "    FOR t IN SELECT c.oid FROM pg_catalog.pg_class c\n"
        "             WHERE c.relnamespace = 'replay'::pg_catalog.regnamespace AND c.relkind = 'r' LOOP\n"
        "        EXECUTE pg_catalog.format('DROP TABLE %s', t);\n"
        "    END LOOP;\n"
        "    DELETE FROM oriel.replay;\n"
        "END $$";
    return run(r, sql, 0, NULL);
}

/* The shadows are the owner's, like the tables. An emptied table is rebuilt with the ids that it had; where raw was
 * pruned it gets new ones, since a row that refers to it by an old one must not find another there. */
static int make_shadows(struct replay *r, const char *plan)
{
    static const char ledger[] = "CREATE TABLE replay.reject (LIKE raw.reject INCLUDING ALL);\n"
                                 "CREATE TABLE replay.batch_entity (LIKE raw.batch_entity INCLUDING ALL);\n"
                                 "CREATE TABLE replay.parked (LIKE raw.parked INCLUDING ALL);\n"
                                 "CREATE TABLE replay.seen (LIKE raw.seen INCLUDING ALL)";
    const char **names = arena_array(&r->arena, r->n_tables, sizeof *names);
    if (run(r, "BEGIN", 0, NULL) < 0 || run(r, "SET LOCAL ROLE oriel_owner", 0, NULL) < 0 || replay_discard(r) < 0)
        return -1;
    PGresult *made = session_script(&r->live.session, doing_open, ledger);
    PQclear(made);
    if (!made)
        return replay_tell(&r->live.session);
    for (size_t i = 0; i < r->n_tables; i++) {
        const struct entity *e = r->tables[i].entity;
        names[i] = e->name;
        if (run(r, r->tables[i].create, 0, NULL) < 0 || run(r, r->tables[i].seed, 0, NULL) < 0 ||
            (r->tables[i].restart && !r->pruned && run(r, r->tables[i].restart, 1, &e->name) < 0))
            return -1;
    }
    const char *const params[] = {plan, session_array(&r->arena, names, r->n_tables)};
    return run(r, "INSERT INTO oriel.replay (plan, entities) VALUES ($1, $2::text[])", 2, params) < 0
               ? -1
               : run(r, "COMMIT", 0, NULL);
}

static int count_work(struct replay *r)
{
    static const char sql[] =
        "SELECT COALESCE(pg_catalog.sum(b.n_records), 0),\n"
        "       COALESCE(pg_catalog.sum(b.n_records) FILTER (WHERE b.stored <= $1::bigint), 0) FROM raw.batch b\n"
        "WHERE " KEPT_CONDITION;
    char stored[32];
    snprintf(stored, sizeof stored, "%lld", r->stored);
    PGresult *got = session_query(&r->live.session, doing_open, sql, 1, (const char *[]){stored});
    if (!got)
        return replay_tell(&r->live.session);
    r->total = session_integer(got, 0, 0);
    r->began = r->done = session_integer(got, 0, 1);
    PQclear(got);
    return 0;
}

/* Goes on with the interrupted replay of this plan, or begins. */
static int find_or_make_shadows(struct replay *r)
{
    const char *plan = plan_hash(r);
    PGresult *got =
        session_query(&r->live.session, doing_open, "SELECT stored FROM oriel.replay WHERE plan = $1", 1, &plan);
    if (!got)
        return replay_tell(&r->live.session);
    bool found = PQntuples(got);
    r->stored = found ? session_integer(got, 0, 0) : 0;
    PQclear(got);
    if (!found && make_shadows(r, plan) < 0)
        return -1;
    if (found)
        log_info("an interrupted replay goes on");
    return count_work(r);
}

/* What would be found out when all of raw is loaded is told before: a time that is none, a batch that is not there. */
static int check_scope(struct replay *r)
{
    static const char sql[] = "SELECT $1::pg_catalog.timestamptz, $2::bigint IS NULL OR EXISTS (\n"
                              "    SELECT FROM raw.batch b WHERE b.id = $2::bigint)";
    const char *const params[] = {r->scope.since, r->scope.batch};
    const struct failure *f = &r->live.session.failure;
    PGresult *got = session_query(&r->live.session, doing_open, sql, 2, params);
    if (!got && strncmp(f->sqlstate, "22", 2) != 0)
        return replay_tell(&r->live.session);
    bool there = got && *PQgetvalue(got, 0, 1) == 't';
    if (!got)
        log_error("--since: %s", f->message);
    else if (!there)
        log_error("there is no batch %s", r->scope.batch);
    PQclear(got);
    return there ? 0 : -1;
}

int replay_open(struct replay *r, const struct domain *d, const char *const *entities, const struct replay_scope *scope)
{
    *r = (struct replay){.domain = d, .scope = *scope, .title = "replay"};
    arena_init(&r->arena);
    loader_init(&r->live);
    loader_init(&r->shadow);
    if (choose(r, entities) < 0)
        return -1;
    make_shadow_set(r);
    load_init(&r->load, &r->set);
    if (session_open(&r->live.session, d->settings.database) < 0 ||
        session_open(&r->shadow.session, d->settings.database) < 0 || take_turn(r) < 0)
        return -1;
    if (loader_prepare(&r->live, &d->entities) < 0)
        return replay_tell(&r->live.session);
    if (check_scope(r) < 0 || make_tables(r) < 0 || replay_look_for_pruned(r) < 0 || find_or_make_shadows(r) < 0)
        return -1;
    if (loader_prepare(&r->shadow, &r->set) < 0)
        return replay_tell(&r->shadow.session);
    r->shadow.merge.sources = &d->sources;
    return 0;
}

void replay_release(struct replay *r)
{
    load_release(&r->load);
    loader_release(&r->live);
    loader_release(&r->shadow);
    arena_release(&r->arena);
}

/* ---- the whole of it ---- */

int replay_load_all(struct replay *r)
{
    struct progress progress;
    int got;
    progress_start(&progress, r->title, "records");
    for (double began = progress_clock(); (got = replay_load_next(r)) > 0; began = progress_clock()) {
        progress_show(&progress, r->total ? (double)r->done / (double)r->total : 1, r->done - r->began);
        if (r->throttle)
            throttle_wait(r->throttle, &progress, progress_clock() - began, r->done - r->began, 0);
    }
    progress_end(&progress);
    return got;
}

static int apply(struct replay *r)
{
    long long rows;
    if (replay_apply(r, &rows) < 0 || replay_discard(r) < 0)
        return -1;
    printf("replayed %lld records: %lld rows written\n", r->done, rows);
    return 0;
}

int replay_run(const struct domain *d, const char *const *entities, const struct replay_scope *scope, bool dry_run,
               bool json)
{
    struct replay r;
    bool ok = replay_open(&r, d, entities, scope) == 0 && replay_load_all(&r) == 0;
    if (ok)
        ok = dry_run ? replay_report(&r, json) == 0 && replay_discard(&r) == 0
                     : replay_check_limits(&r) == 0 && apply(&r) == 0;
    replay_release(&r);
    return ok ? EXIT_OK : EXIT_FAILED;
}
