#include "worker/watch.h"

#include "lib/log.h"
#include "worker/quote.h"

static const char doing_watch[] = "watching who writes";

/* Own statements are those of this session which no trigger or foreign key has made of another one. */
static const char own_sql[] = "SET oriel.storing = 'yes'";
static const char trigger_template[] =
    "BEGIN; SET LOCAL lock_timeout = '1s'; DROP TRIGGER IF EXISTS oriel_watch ON %s;\n"
    "CREATE TRIGGER oriel_watch AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s FOR EACH STATEMENT\n"
    "WHEN (pg_catalog.current_setting('oriel.storing', true) IS DISTINCT FROM 'yes' OR pg_catalog.pg_trigger_depth() > "
    "0)\n"
    "EXECUTE FUNCTION oriel.note_foreign_write();\n"
    "ALTER TABLE %s ENABLE ALWAYS TRIGGER oriel_watch; COMMIT";

/*
 * Prepared, since planning it takes longer than all else about it. Per entity file: what identifies the table as it
 * stands on the disk, NULL where triggers would not see all that is written (partitions, children); whether it is
 * watched; whether somebody else has written.
 */
static const char look_sql[] =
    "PREPARE watch_look (text[], text[]) AS WITH noted AS (DELETE FROM oriel.foreign_write RETURNING relation)\n"
    "SELECT CASE WHEN c.relkind = 'r' AND NOT c.relhassubclass AND NOT EXISTS (\n"
    "                SELECT FROM pg_catalog.pg_inherits h WHERE h.inhrelid = c.oid)\n"
    "            THEN pg_catalog.format('%s %s', c.oid, c.relfilenode) END,\n"
    "       EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'oriel_watch'\n"
    "               AND t.tgenabled = 'A' AND t.tgfoid = 'oriel.note_foreign_write'::pg_catalog.regproc),\n"
    "       (SELECT pg_catalog.count(*) FROM noted)\n"
    "FROM ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[])) WITH ORDINALITY AS e (s, t, at)\n"
    "LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = e.s\n"
    "LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = e.t ORDER BY e.at";

enum { COLUMN_TABLE, COLUMN_WATCHED, COLUMN_WRITTEN };

struct watched {
    struct known known;
    bool possible;  /* equal texts of its keys, and only these, are equal keys to Postgres; one file feeds it */
    bool usable;    /* and it and what it refers to are watched */
    char table[48]; /* as look_sql has it; "" where it is not watched */
};

struct watch_note {
    size_t entity;
    struct known_row row;
    bool taken;
};

void watch_init(struct watch *w)
{
    *w = (struct watch){0};
}

void watch_release(struct watch *w)
{
    for (size_t i = 0; w->list && i < w->n; i++)
        known_release(&w->list[i].known);
    free(w->notes);
    watch_init(w);
}

/* ---- what can be known ---- */

/* Types whose values Postgres holds equal just when the texts that the cleaner writes are. */
static bool has_equal_texts(const struct field *f, const struct relation_column *c)
{
    static const struct {
        const char *type;
        enum field_type field;
        bool any; /* of field types */
    } types[] = {{"text", TYPE_STRING, true},       {"character varying", TYPE_STRING, true},
                 {"bigint", TYPE_INTEGER, false},   {"integer", TYPE_INTEGER, false},
                 {"smallint", TYPE_INTEGER, false}, {"date", TYPE_DATE, false}};
    for (size_t i = 0; c && !c->collation && i < ARRAY_SIZE(types); i++)
        if (strcmp(types[i].type, c->type) == 0)
            return types[i].any || (f && f->type == types[i].field);
    return false;
}

/* Another file for the entity or its table would change rows without saying the same of all its fields. */
static bool is_alone(const struct entity_set *set, const struct entity *e)
{
    for (const struct entity *other = set->list; other < set->list + set->n; other++)
        if (other != e && (strcmp(other->name, e->name) == 0 ||
                           (strcmp(other->schema, e->schema) == 0 && strcmp(other->table, e->table) == 0)))
            return false;
    return true;
}

/* A row whose reference leads nowhere and is null for it will say something else when the other one has come. */
static bool is_possible(const struct entity_set *set, const struct entity *e, const struct relation *relation)
{
    if (!is_alone(set, e) || (e->keyed_by_client && !has_equal_texts(NULL, relation_column(relation, "client"))))
        return false;
    for (const struct field *f = e->fields; f < e->fields + e->n_fields; f++)
        if ((f->key && (f->reference || !has_equal_texts(f, relation_column(relation, f->name)))) ||
            (f->reference && f->on_missing == ACTION_NULL))
            return false;
    return true;
}

static bool is_usable(const struct watch *w, size_t i)
{
    const struct entity *e = &w->set->list[i];
    bool usable = w->list[i].possible && *w->list[i].table;
    for (const struct field *f = e->fields; f < e->fields + e->n_fields; f++)
        if (f->reference)
            usable = usable && *w->list[entity_by_name(w->set, f->reference) - w->set->list].table;
    return usable;
}

/* ---- watching ---- */

static void forget_all(struct watch *w)
{
    for (size_t i = 0; i < w->n; i++)
        known_release(&w->list[i].known);
}

static const char *const *list_names(struct arena *a, const struct entity_set *set)
{
    const char **arrays = arena_array(a, 2, sizeof *arrays);
    const char **schemas = arena_array(a, set->n, sizeof *schemas), **tables = arena_array(a, set->n, sizeof *tables);
    for (size_t i = 0; i < set->n; i++) {
        schemas[i] = set->list[i].schema;
        tables[i] = set->list[i].table;
    }
    arrays[0] = session_array(a, schemas, set->n);
    arrays[1] = session_array(a, tables, set->n);
    return arrays;
}

/* A table that cannot be watched now is compared by Postgres, which only costs time. -1: the connection is lost. */
static int make_trigger(struct arena *a, struct session *s, const struct entity *e)
{
    const char *table = arena_printf(a, "%s.%s", quote_name(a, e->schema), quote_name(a, e->table));
    PGresult *r = session_script(s, doing_watch, arena_printf(a, trigger_template, table, table, table));
    PQclear(r);
    if (r)
        return 0;
    if (PQstatus(s->c) != CONNECTION_OK)
        return -1;
    log_info("entity %s: table %s.%s is not watched until the worker starts again: %s", e->file, e->schema, e->table,
             s->failure.message);
    r = session_script(s, doing_watch, "ROLLBACK");
    PQclear(r);
    return r ? 0 : -1;
}

static PGresult *look(const struct watch *w, struct session *s)
{
    return session_query_prepared(s, doing_watch, "watch_look", 2, w->names);
}

static int make_triggers(const struct watch *w, struct arena *a, struct session *s)
{
    PGresult *r = look(w, s);
    int result = r ? 0 : -1;
    for (size_t i = 0; result == 0 && i < w->n; i++) {
        int row = (int)i;
        if (!PQgetisnull(r, row, COLUMN_TABLE) && *PQgetvalue(r, row, COLUMN_WATCHED) == 'f')
            result = make_trigger(a, s, &w->set->list[i]);
    }
    PQclear(r);
    return result;
}

int watch_begin(struct watch *w, struct arena *a, struct session *s, const struct entity_set *set,
                const struct relation *relations)
{
    watch_release(w);
    *w = (struct watch){
        .set = set, .n = set->n, .list = arena_array(a, set->n, sizeof *w->list), .names = list_names(a, set)};
    for (size_t i = 0; i < set->n; i++)
        w->list[i].possible = is_possible(set, &set->list[i], &relations[i]);
    return session_run(s, doing_watch, own_sql, 0, NULL) < 0 || session_run(s, doing_watch, look_sql, 0, NULL) < 0 ||
                   make_triggers(w, a, s) < 0
               ? -1
               : 0;
}

int watch_look(struct watch *w, struct session *s)
{
    if (!w->list)
        return 0;
    PGresult *r = look(w, s);
    if (!r)
        return -1;
    bool same = true;
    for (size_t i = 0; i < w->n; i++) {
        int row = (int)i;
        const char *table = *PQgetvalue(r, row, COLUMN_WATCHED) == 't' ? PQgetvalue(r, row, COLUMN_TABLE) : "";
        same = same && strcmp(table, w->list[i].table) == 0 && session_integer(r, row, COLUMN_WRITTEN) == 0;
        snprintf(w->list[i].table, sizeof w->list[i].table, "%s", table);
    }
    PQclear(r);
    if (!same)
        forget_all(w);
    for (size_t i = 0; i < w->n; i++)
        w->list[i].usable = is_usable(w, i);
    return 0;
}

/* ---- knowing ---- */

static bool is_noted(const struct watch *w, size_t i)
{
    for (size_t n = 0; n < w->n_notes; n++)
        if (w->notes[n].entity == i)
            return true;
    return false;
}

/* Of rows with one key the newest is taken, so all of them have to be seen together. */
static size_t keep_contested(const struct rows *rows, bool *out, size_t found)
{
    struct known contested;
    known_init(&contested);
    for (size_t r = 0; r < rows->n; r++)
        if (!out[r])
            known_note(&contested, (struct known_row){rows->list[r].known.key, 1}, SIZE_MAX);
    for (size_t r = 0; r < rows->n; r++)
        if (out[r] && known_is(&contested, (struct known_row){rows->list[r].known.key, 1})) {
            out[r] = false;
            found--;
        }
    known_release(&contested);
    return found;
}

size_t watch_find_known(const struct watch *w, size_t i, const struct rows *rows, bool *out)
{
    size_t found = 0;
    memset(out, 0, rows->n * sizeof *out);
    if (!w->list || !w->list[i].usable || is_noted(w, i))
        return 0;
    for (size_t r = 0; r < rows->n; r++) {
        out[r] = known_is(&w->list[i].known, rows->list[r].known);
        found += out[r];
    }
    return found && found < rows->n ? keep_contested(rows, out, found) : found;
}

void watch_merged(struct watch *w, size_t i, const struct rows *rows, bool taken)
{
    if (!w->list || !w->list[i].usable)
        return;
    if (w->n_notes + rows->n > w->room) {
        w->room = w->n_notes + rows->n;
        w->notes = mem_realloc(w->notes, w->room * sizeof *w->notes);
    }
    for (size_t r = 0; r < rows->n; r++)
        w->notes[w->n_notes++] = (struct watch_note){i, rows->list[r].known, taken};
}

void watch_forget(struct watch *w, size_t i)
{
    if (!w->list)
        return;
    known_release(&w->list[i].known);
    for (size_t n = 0; n < w->n_notes; n++)
        if (w->notes[n].entity == i)
            w->notes[n].taken = false;
}

void watch_transaction_ended(struct watch *w, bool committed)
{
    size_t bytes = 0;
    for (size_t i = 0; w->list && i < w->n; i++)
        bytes += w->list[i].known.bytes;
    for (const struct watch_note *n = w->notes; committed && n < w->notes + w->n_notes; n++) {
        struct known *k = &w->list[n->entity].known;
        if (!n->taken) {
            known_forget(k, n->row.key);
            continue;
        }
        size_t before = k->bytes;
        known_note(k, n->row, k->bytes + (KNOWN_LARGEST - bytes));
        bytes += k->bytes - before;
    }
    w->n_notes = 0;
}
