/*
 * Tables, views and columns of the private schema that nobody needs.
 */
#include "lib/contract.h"
#include "lib/log.h"
#include "worker/change_lint.h"
#include "worker/change_retry.h"
#include "worker/prune.h"
#include "worker/quote.h"

#define SCHEMA_PRIVATE "dp"

/*
 * A row per relation (column NULL) and per column of a table, with what the catalog knows of who needs it. attribute 0
 * is the relation as a whole. A view's reads hang on its rewrite rule.
 */
static const char catalog_sql[] =
    "WITH RECURSIVE reads (contract, relation, attribute) AS ("
    "    SELECT v.relname, d.refobjid, d.refobjsubid"
    "      FROM pg_catalog.pg_class v"
    "      JOIN pg_catalog.pg_namespace n ON n.oid = v.relnamespace AND n.nspname = '" SCHEMA_API "'"
    "      JOIN pg_catalog.pg_rewrite r ON r.ev_class = v.oid"
    "      JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid"
    "       AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid <> v.oid"
    "  UNION"
    "    SELECT reads.contract, d.refobjid, d.refobjsubid"
    "      FROM reads"
    "      JOIN pg_catalog.pg_rewrite r ON r.ev_class = reads.relation"
    "      JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid"
    "       AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid <> reads.relation),"
    " reasons (relation, attribute, reason) AS ("
    "    SELECT relation, attribute, 'read by ' || contract FROM reads"
    /* an index or constraint of several columns goes with each of them */
    "  UNION SELECT i.indrelid, k, CASE WHEN i.indisunique THEN 'part of the key ' ELSE 'part of the index ' END"
    "               || c.relname"
    "      FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid, unnest(i.indkey) k"
    "     WHERE i.indisunique OR i.indnatts > 1"
    "  UNION SELECT c.conrelid, k, 'part of the constraint ' || c.conname"
    "      FROM pg_catalog.pg_constraint c, unnest(c.conkey) k"
    "     WHERE c.contype IN ('c', 'f', 'x') AND pg_catalog.cardinality(c.conkey) > 1"
    "  UNION SELECT c.confrelid, 0, 'referenced by ' || c.conrelid::pg_catalog.regclass::text"
    "      FROM pg_catalog.pg_constraint c WHERE c.contype = 'f' AND c.conrelid <> c.confrelid"
    "  UNION SELECT inhparent, 0, 'has the part ' || inhrelid::pg_catalog.regclass::text FROM pg_catalog.pg_inherits"
    "  UNION SELECT d.refobjid, d.refobjsubid, 'used by ' || pg_catalog.pg_describe_object(d.classid, d.objid, 0)"
    "      FROM pg_catalog.pg_depend d"
    "     WHERE d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype = 'n'"
    "       AND d.classid IN ('pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_trigger'::pg_catalog.regclass,"
    "                         'pg_catalog.pg_policy'::pg_catalog.regclass)"
    "  UNION SELECT d.refobjid, d.refobjsubid, 'read by ' || r.ev_class::pg_catalog.regclass::text"
    "      FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid"
    "      JOIN pg_catalog.pg_class v ON v.oid = r.ev_class"
    "      JOIN pg_catalog.pg_namespace n ON n.oid = v.relnamespace AND n.nspname <> '" SCHEMA_API "'"
    "     WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass"
    "       AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid <> r.ev_class"
    "  UNION SELECT d.refobjid, d.refobjsubid, 'column ' || a.attname || ' is computed from it'"
    "      FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_attrdef f ON f.oid = d.objid"
    "      JOIN pg_catalog.pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum"
    "     WHERE d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass"
    "       AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND a.attgenerated <> ''"
    "       AND (d.refobjid, d.refobjsubid) <> (f.adrelid, f.adnum))"
    " SELECT c.relname, a.attname,"
    "        CASE WHEN a.attname IS NOT NULL THEN 'column' WHEN c.relkind = 'v' THEN 'view'"
    "             WHEN c.relkind = 'm' THEN 'materialized view' ELSE 'table' END,"
    /* of a whole table, what needs any part of it; its own keys do not count */
    "        (SELECT pg_catalog.string_agg(DISTINCT reason, ', ' ORDER BY reason) FROM reasons"
    "          WHERE relation = c.oid AND CASE WHEN a.attname IS NULL THEN reason !~ '^(part of|column )'"
    "                                          ELSE attribute = a.attnum END),"
    "        CASE WHEN a.attname IS NULL AND c.relkind <> 'v'"
    "             THEN pg_catalog.pg_size_pretty(pg_catalog.pg_total_relation_size(c.oid)) END"
    "   FROM pg_catalog.pg_class c"
    "   JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = '" SCHEMA_PRIVATE "'"
    "   LEFT JOIN LATERAL (SELECT 0::smallint AS attnum, NULL::name AS attname UNION ALL"
    "                      SELECT k.attnum, k.attname FROM pg_catalog.pg_attribute k"
    "                       WHERE k.attrelid = c.oid AND k.attnum > 0 AND NOT k.attisdropped"
    "                         AND c.relkind IN ('r', 'p')) a ON true"
    "  WHERE c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition"
    "  ORDER BY c.relname, a.attnum";

enum { TABLE, COLUMN, WHAT, REASONS, SIZE };

struct reasons {
    const struct prune *prune;
    const struct change_list *changes;
    const char *text; /* NULL: nobody needs it */
};

static void add_reason(struct reasons *r, const char *reason)
{
    r->text = r->text ? arena_printf(r->prune->arena, "%s, %s", r->text, reason) : reason;
}

static bool writes(const struct entity *e, const char *table, const char *column)
{
    return strcmp(e->schema, SCHEMA_PRIVATE) == 0 && strcmp(e->table, table) == 0 &&
           (!column || entity_adds(e, column) || entity_find_field(e, column));
}

static void add_entities(struct reasons *r, const char *table, const char *column)
{
    const struct entity_set *set = &r->prune->domain->entities;
    for (size_t i = 0; i < set->n; i++)
        if (writes(&set->list[i], table, column))
            add_reason(r, arena_printf(r->prune->arena, "written by entity %s", set->list[i].file));
}

static void add_changes(struct reasons *r, const char *name)
{
    for (size_t i = 0; i < r->changes->n; i++) {
        const struct change *change = &r->changes->list[i];
        for (int step = STEP_EXPAND; change_is_open(change) && step < N_STEPS; step++) {
            const struct change_file *f = &change->step[step];
            if (f->sql && !f->applied_at && change_mentions(f, name))
                add_reason(r, arena_printf(r->prune->arena, "named by %s of %s, which has not run",
                                           change_step_names[step], change->name));
        }
    }
}

static const char *drop_sql(struct arena *a, const char *what, const char *table, const char *column)
{
    if (column)
        return arena_printf(a, "ALTER TABLE IF EXISTS " SCHEMA_PRIVATE ".%s DROP COLUMN IF EXISTS %s RESTRICT",
                            quote_name(a, table), quote_name(a, column));
    return arena_printf(a, "DROP %s IF EXISTS " SCHEMA_PRIVATE ".%s RESTRICT", what, quote_name(a, table));
}

static struct prune_item item_of(const struct prune *p, const struct change_list *changes, const char *unknown,
                                 const PGresult *found, int row)
{
    struct arena *a = p->arena;
    const char *table = arena_strdup(a, PQgetvalue(found, row, TABLE));
    const char *column = PQgetisnull(found, row, COLUMN) ? NULL : arena_strdup(a, PQgetvalue(found, row, COLUMN));
    struct reasons r = {.prune = p, .changes = changes, .text = unknown};
    if (!PQgetisnull(found, row, REASONS))
        add_reason(&r, arena_strdup(a, PQgetvalue(found, row, REASONS)));
    add_entities(&r, table, column);
    add_changes(&r, column ? column : table);
    const char *what = arena_strdup(a, PQgetvalue(found, row, WHAT));
    return (struct prune_item){
        .name = arena_printf(a, SCHEMA_PRIVATE ".%s%s%s", table, column ? "." : "", column ? column : ""),
        .what = what,
        .needed = r.text,
        .reason = r.text ? r.text : "no contract reads it, no entity file writes it, no open change names it",
        .size = PQgetisnull(found, row, SIZE) || r.text ? NULL : arena_strdup(a, PQgetvalue(found, row, SIZE)),
        .own = drop_sql(a, what, table, column),
    };
}

/* Of a table that can go its columns are not told singly; of one that stays, only they are. */
static void add_relations(const struct prune *p, const struct change_list *changes, const char *unknown,
                          const PGresult *found, struct prune_list *list)
{
    bool gone = false;
    for (int row = 0; row < PQntuples(found); row++) {
        bool whole = PQgetisnull(found, row, COLUMN), table = strcmp(PQgetvalue(found, row, WHAT), "table") == 0;
        if (!whole && gone)
            continue;
        struct prune_item item = item_of(p, changes, unknown, found, row);
        if (whole)
            gone = !item.needed;
        if (!table || gone)
            prune_add(list, p->arena, item);
    }
}

int prune_look_at_rollback(const struct prune *p, const char **unknown)
{
    struct contract_set rollback, now;
    const char *path = p->domain->settings.rollback;
    *unknown = NULL;
    if (!path)
        return 0;
    if (contract_lock_load(&rollback, p->arena, path) < 0 || contract_catalog_read(&now, p->arena, p->c) < 0)
        return -1;
    for (size_t i = 0; i < rollback.n && !*unknown; i++)
        if (!contract_find_view(&now, rollback.contracts[i].view))
            *unknown = arena_printf(p->arena, "the release that one would roll back to has %s, which is not here",
                                    rollback.contracts[i].view);
    return 0;
}

static int find(const struct prune *p, struct prune_list *list)
{
    struct change_list changes;
    const char *unknown;
    if (prune_look_at_rollback(p, &unknown) < 0 || change_load(&changes, p->arena, p->domain->settings.changes) < 0 ||
        change_read_state(&changes, p->arena, p->c) < 0)
        return -1;
    PGresult *found = pg_query(p->c, "reading what the private schema holds", catalog_sql, 0, NULL);
    if (!found)
        return -1;
    add_relations(p, &changes, unknown, found, list);
    PQclear(found);
    return 0;
}

struct removal {
    const struct prune *prune;
    const struct prune_item *item;
};

/* What was found to be unneeded a moment ago may be read by a contract by now; RESTRICT refuses that. */
static enum change_outcome try_once(void *context)
{
    const struct removal *removal = context;
    PGconn *c = removal->prune->c;
    PGresult *r = PQexec(c, removal->item->own);
    enum change_outcome outcome = change_outcome_of(r);
    if (outcome == CHANGE_FAILED)
        pg_tell_failure(c, r, removal->item->name);
    PQclear(r);
    if (outcome == CHANGE_APPLIED && pg_run(c, removal->item->name, "COMMIT", 0, NULL) < 0)
        outcome = CHANGE_FAILED;
    return outcome;
}

static int remove_item(const struct prune *p, const struct prune_item *item)
{
    struct removal removal = {.prune = p, .item = item};
    return change_retry(p->c, item->name, &change_usual_patience, try_once, &removal);
}

const struct prune_kind prune_schema = {.name = "schema", .find = find, .remove = remove_item};
