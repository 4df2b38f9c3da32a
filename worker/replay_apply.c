/* Comparing the shadows with the tables, and bringing the tables to them. */
#include "lib/log.h"
#include "worker/park.h"
#include "worker/progress.h"
#include "worker/replay.h"
#include "worker/table.h"

static const char doing_compare[] = "comparing tables with a replay", doing_apply[] = "applying a replay";

/* So many rows are applied at a time, while the live worker waits: some tens of milliseconds. */
enum { RANGE = 2000, LEDGER_RANGE = 50, MOST_ROUNDS = 3, LARGEST_OUTPUT = 16 << 20 };

static const char scope_sql[] = "DROP TABLE IF EXISTS replay.scope;\n"
                                "CREATE TABLE replay.scope AS SELECT b.id FROM raw.batch b WHERE true";
static const char limits_sql[] =
    "SELECT e.batch, e.entity, e.rejected, b.n_records, b.source FROM replay.batch_entity e\n"
    "JOIN raw.batch b ON b.id = e.batch\n"
    "WHERE e.entity = $1 AND e.rejected * 100::numeric > $2::numeric * GREATEST(b.n_records, $3::bigint)\n"
    "ORDER BY e.batch LIMIT 1";
static const char version_sql[] =
    "WITH changed AS (\n"
    "    UPDATE oriel.entity SET data_version = data_version + 1, changed_at = pg_catalog.now()\n"
    "    WHERE name = $1 RETURNING name)\n"
    "SELECT pg_catalog.pg_notify('oriel_data', name) FROM changed";

/* Of each batch and entity file what was said, as one text; so the ledgers are compared without regard to ids and
 * times. */
#define SAID(schema)                                                                                                   \
    "(SELECT batch, entity, pg_catalog.md5(pg_catalog.string_agg(t, E'\\n' ORDER BY t)) AS said FROM (\n"              \
    "     SELECT batch, entity, pg_catalog.concat_ws('|', line, 'r', COALESCE(field, ''), rule, COALESCE(value, "      \
    "''),\n"                                                                                                           \
    "            reason, action, COALESCE(message, '')) AS t FROM " schema ".reject\n"                                 \
    "     UNION ALL SELECT batch, entity, pg_catalog.concat_ws('|', line, 'p', field, client, target, key, own)\n"     \
    "     FROM " schema ".parked) x GROUP BY batch, entity)"
static const char ledger_differs_sql[] =
    "DROP TABLE IF EXISTS replay.differs_ledger;\n"
    "CREATE TABLE replay.differs_ledger AS\n"
    "SELECT pg_catalog.row_number() OVER (ORDER BY s.batch, s.entity) AS n, s.batch, s.entity\n"
    "FROM replay.batch_entity s LEFT JOIN raw.batch_entity l USING (batch, entity)\n"
    "LEFT JOIN " SAID("replay") " ss USING (batch, entity)\n"
                                "LEFT JOIN " SAID(
                                    "raw") " ls USING (batch, entity)\n"
                                           "WHERE (s.* IS DISTINCT FROM l.* OR ss.said IS DISTINCT FROM ls.said)%s;\n"
                                           "CREATE INDEX ON replay.differs_ledger (n); ANALYZE replay.differs_ledger";
/* First, what the worker knows is forgotten (watch.h): a row that it knows may have to be confirmed again, since an
 * older record of its key waits now. */
static const char *const ledger_sqls[] = {
    "INSERT INTO oriel.foreign_write (relation) SELECT 'raw.parked'::pg_catalog.regclass\n"
    "WHERE $1::bigint <= $2::bigint ON CONFLICT DO NOTHING",
    "DELETE FROM raw.reject r USING replay.differs_ledger d WHERE d.n BETWEEN $1::bigint AND $2::bigint\n"
    "AND r.batch = d.batch AND r.entity = d.entity",
    "INSERT INTO raw.reject (" REJECT_COLUMNS ")\n"
    "SELECT " REJECT_COLUMNS " FROM replay.differs_ledger d JOIN replay.reject r USING (batch, entity)\n"
    "WHERE d.n BETWEEN $1::bigint AND $2::bigint ORDER BY r.id",
    "DELETE FROM raw.parked r USING replay.differs_ledger d WHERE d.n BETWEEN $1::bigint AND $2::bigint\n"
    "AND r.batch = d.batch AND r.entity = d.entity",
    "INSERT INTO raw.parked (batch, line, entity, field, client, target, key, own)\n"
    "SELECT batch, line, entity, field, client, target, key, own FROM replay.differs_ledger d JOIN replay.parked r\n"
    "USING (batch, entity) WHERE d.n BETWEEN $1::bigint AND $2::bigint",
    "INSERT INTO raw.batch_entity (batch, entity, inserted, updated, unchanged, rejected, parked)\n"
    "SELECT batch, entity, inserted, updated, unchanged, rejected, parked\n"
    "FROM replay.differs_ledger d JOIN replay.batch_entity s USING (batch, entity)\n"
    "WHERE d.n BETWEEN $1::bigint AND $2::bigint\n"
    "ON CONFLICT (batch, entity) DO UPDATE SET inserted = EXCLUDED.inserted, updated = EXCLUDED.updated,\n"
    "    unchanged = EXCLUDED.unchanged, rejected = EXCLUDED.rejected, parked = EXCLUDED.parked",
};

static int script(struct replay *r, const char *doing, const char *sql)
{
    PGresult *got = session_script(&r->live.session, doing, sql);
    PQclear(got);
    return got ? 0 : replay_tell(&r->live.session);
}

/* The first number of a statement's only row; -1 after a message. */
static long long ask(struct replay *r, const char *doing, const char *sql, int n, const char *const *params)
{
    PGresult *got = session_query(&r->live.session, doing, sql, n, params);
    if (!got)
        return replay_tell(&r->live.session);
    long long number = PQntuples(got) ? session_integer(got, 0, 0) : 0;
    PQclear(got);
    return number;
}

static const char *scope_condition(const struct replay *r)
{
    return r->scope.since || r->scope.batch || r->scope.rejects ? " AND s.batch IN (SELECT id FROM replay.scope)" : "";
}

/* ---- limits ---- */

int replay_check_limits(struct replay *r)
{
    struct session *s = &r->live.session;
    for (size_t i = 0; i < r->set.n; i++) {
        const struct entity *e = &r->set.list[i];
        if (!r->chosen[i])
            continue;
        const char *const params[] = {e->file, arena_printf(&r->arena, "%g", e->reject_percent),
                                      arena_printf(&r->arena, "%d", LIMIT_SMALLEST_BATCH)};
        PGresult *got = session_query(s, doing_compare, limits_sql, 3, params);
        if (!got)
            return replay_tell(s);
        bool beyond = PQntuples(got);
        if (beyond)
            log_error(
                "%s of %s records of batch %s (source %s) would be rejected for %s, more than limits.rejectPercent "
                "(%g) allows. Nothing was changed; `oriel replay --dry-run %s` shows what would be; mend the entity "
                "file",
                PQgetvalue(got, 0, 2), PQgetvalue(got, 0, 3), PQgetvalue(got, 0, 0), PQgetvalue(got, 0, 4), e->file,
                e->reject_percent, e->name);
        PQclear(got);
        if (beyond)
            return -1;
    }
    return 0;
}

/* ---- comparing ---- */

/* before and behind: of the value, as a literal. Nothing where it is NULL. */
static void put_condition(struct buf *sql, struct session *s, const char *before, const char *behind, const char *value)
{
    char *literal = value ? PQescapeLiteral(s->c, value, strlen(value)) : NULL;
    if (literal)
        buf_printf(sql, "%s%s%s", before, literal, behind);
    PQfreemem(literal);
}

static int make_scope(struct replay *r)
{
    struct session *s = &r->live.session;
    if (!r->scope.since && !r->scope.batch && !r->scope.rejects)
        return 0;
    struct buf sql;
    buf_init(&sql, 4096);
    buf_puts(&sql, scope_sql);
    put_condition(&sql, s, " AND b.received_at >= ", "::pg_catalog.timestamptz", r->scope.since);
    put_condition(&sql, s, " AND b.source = ", "", r->scope.source);
    if (r->scope.rejects) {
        buf_puts(&sql, " AND EXISTS (SELECT FROM raw.reject r WHERE r.batch = b.id");
        put_condition(&sql, s, " AND r.reason = ", "", r->scope.reason);
        buf_putc(&sql, ')');
    }
    if (r->scope.batch)
        buf_printf(&sql, " AND b.id = %s", r->scope.batch); /* a whole number: the command has looked */
    int result = script(r, doing_compare, buf_str(&sql));
    buf_release(&sql);
    return result;
}

static int prepare_comparison(struct replay *r)
{
    for (size_t i = 0; i < r->n_tables; i++) {
        const struct replay_table *t = &r->tables[i];
        if (script(r, doing_compare, t->analyze) < 0 || (t->align && script(r, doing_compare, t->align) < 0))
            return -1;
    }
    return make_scope(r);
}

/* ---- the report ---- */

static const char report_tables[] =
    "DROP TABLE IF EXISTS pg_temp.report, pg_temp.report_column, pg_temp.report_pruned;\n"
    "CREATE TEMPORARY TABLE report_pruned (entity text, rows bigint);\n"
    "CREATE TEMPORARY TABLE report (entity text, rows_now bigint, rows_then bigint, added bigint, changed bigint,\n"
    "                               gone bigint);\n"
    "CREATE TEMPORARY TABLE report_column (entity text, \"column\" text, changed bigint, example_now text,\n"
    "                                      example_then text)";
static const char report_sql[] =
    "INSERT INTO pg_temp.report VALUES ($1, $2::bigint, $3::bigint, $4::bigint, $5::bigint,\n"
    "$6::bigint)";
static const char report_column_sql[] = "INSERT INTO pg_temp.report_column VALUES ($1, $2, $3::bigint, $4, $5)";
static const char report_pruned_sql[] = "INSERT INTO pg_temp.report_pruned VALUES ($1, $2::bigint)";
static const struct {
    const char *name, *title, *sql;
} reports[] = {
    {"entities", NULL, "SELECT entity, rows_now, rows_then, added, changed, gone FROM pg_temp.report"},
    {"columns", "Columns that would change, with an example each",
     "SELECT entity, \"column\", changed, example_now, example_then FROM pg_temp.report_column"},
    {"rejects", "Reasons that would come or go",
     "SELECT entity, field, reason, rule, action, pg_catalog.sum(live)::bigint AS now,\n"
     "       pg_catalog.sum(shadow)::bigint AS then\n"
     "FROM (SELECT entity, field, reason, rule, action, 1 AS live, 0 AS shadow FROM raw.reject\n"
     "      WHERE (batch, entity) IN (SELECT batch, entity FROM replay.batch_entity)\n"
     "      UNION ALL SELECT entity, field, reason, rule, action, 0, 1 FROM replay.reject) x\n"
     "GROUP BY entity, field, reason, rule, action HAVING pg_catalog.sum(live) <> pg_catalog.sum(shadow)\n"
     "ORDER BY entity, field, reason, rule"},
    {"pruned", "Rows that stay as they are, since the raw that they came from was pruned",
     "SELECT entity, rows FROM pg_temp.report_pruned"},
};

static int report_column(struct replay *r, const struct replay_table *t, size_t column, const char *changed)
{
    struct session *s = &r->live.session;
    PGresult *example = session_query(s, doing_compare, replay_table_example(t, &r->arena, column), 0, NULL);
    if (!example)
        return replay_tell(s);
    bool any = PQntuples(example);
    const char *const params[] = {t->entity->name, t->names[column], changed,
                                  any && !PQgetisnull(example, 0, 0) ? PQgetvalue(example, 0, 0) : NULL,
                                  any && !PQgetisnull(example, 0, 1) ? PQgetvalue(example, 0, 1) : NULL};
    int result = session_run(s, doing_compare, report_column_sql, 5, params);
    PQclear(example);
    return result < 0 ? replay_tell(s) : 0;
}

static int report_table(struct replay *r, const struct replay_table *t)
{
    enum { SUMS = 5 };
    struct session *s = &r->live.session;
    PGresult *sums = session_query(s, doing_compare, t->report, 0, NULL);
    if (!sums)
        return replay_tell(s);
    const char *params[1 + SUMS] = {t->entity->name};
    for (int i = 0; i < SUMS; i++)
        params[1 + i] = PQgetvalue(sums, 0, i);
    int result = session_run(s, doing_compare, report_sql, 1 + SUMS, params) < 0 ? replay_tell(s) : 0;
    for (size_t i = t->n_keys; result == 0 && i < t->n_columns; i++) {
        const char *changed = PQgetvalue(sums, 0, SUMS + (int)(i - t->n_keys));
        if (strcmp(changed, "0") != 0)
            result = report_column(r, t, i, changed);
    }
    PQclear(sums);
    const char *const pruned[] = {t->entity->name, arena_printf(&r->arena, "%lld", t->pruned_rows)};
    if (result == 0 && t->pruned_rows && session_run(s, doing_compare, report_pruned_sql, 2, pruned) < 0)
        result = replay_tell(s);
    return result;
}

int replay_report(struct replay *r, bool json)
{
    struct session *s = &r->live.session;
    if (prepare_comparison(r) < 0 || script(r, doing_compare, report_tables) < 0)
        return -1;
    for (size_t i = 0; i < r->n_tables; i++)
        if (report_table(r, &r->tables[i]) < 0)
            return -1;
    struct buf out;
    buf_init(&out, LARGEST_OUTPUT);
    int result = 0;
    for (size_t i = 0; result == 0 && i < ARRAY_SIZE(reports); i++) {
        PGresult *got = session_query(s, doing_compare, reports[i].sql, 0, NULL);
        if (!got)
            result = replay_tell(s);
        else if (json) {
            buf_printf(&out, "%s\"%s\": ", i ? ",\n" : "{", reports[i].name);
            table_print_json(&out, got);
        } else if (PQntuples(got)) {
            if (reports[i].title)
                buf_printf(&out, "\n%s\n", reports[i].title);
            table_print(&out, got, PQnfields(got));
        }
        PQclear(got);
    }
    if (result == 0)
        printf("%s%s", buf_str(&out), json ? "}\n" : "\nNothing was changed.\n");
    buf_release(&out);
    return result;
}

/* ---- applying ---- */

/* What is applied of a list, a range of it at a time. */
struct applying {
    struct replay *replay;
    struct load load; /* parked records that are taken up by rows that come back */
    struct progress progress;
    long long rows, seen, whole;
    double began; /* the transaction */
};

/* Holds the live worker off and takes in what it has stored; then the shadow is what the tables are to be. */
static int begin(struct applying *a)
{
    struct replay *r = a->replay;
    long long before = r->stored;
    int got;
    a->began = progress_clock();
    if (script(r, doing_apply, "BEGIN") < 0 ||
        script(r, doing_apply, "SELECT pg_catalog.pg_advisory_xact_lock(" LOCK_STORE ")") < 0)
        return -1;
    while ((got = replay_load_next(r)) > 0)
        ;
    for (size_t i = 0; got == 0 && r->stored != before && i < r->n_tables; i++)
        if (r->tables[i].align && script(r, doing_apply, r->tables[i].align) < 0)
            got = -1;
    return got;
}

static int end(struct applying *a, int result)
{
    struct replay *r = a->replay;
    struct session *s = &r->live.session;
    if (result == 0)
        result = script(r, doing_apply, "COMMIT");
    merge_transaction_ended(&r->live.merge);
    if (result < 0 && PQstatus(s->c) == CONNECTION_OK)
        PQclear(session_script(s, doing_apply, "ROLLBACK"));
    if (result == 0 && r->throttle)
        throttle_wait(r->throttle, &a->progress, progress_clock() - a->began, r->done - r->began + a->rows, 0);
    return result;
}

/* Runs the statements over numbers first … last, each telling how many rows it wrote. */
static int apply_range(struct applying *a, const struct replay_table *t, const char *const *statements, size_t n,
                       long long first, long long last)
{
    struct replay *r = a->replay;
    char lo[32], hi[32];
    const char *const range[] = {lo, hi};
    long long written = 0;
    snprintf(lo, sizeof lo, "%lld", first);
    snprintf(hi, sizeof hi, "%lld", last);
    if (begin(a) < 0)
        return end(a, -1);
    for (size_t i = 0; i < n; i++) {
        long long rows = ask(r, doing_apply, statements[i], 2, range);
        if (rows < 0)
            return end(a, -1);
        written += rows;
    }
    if (written && session_run(&r->live.session, doing_apply, version_sql, 1, &t->entity->name) < 0)
        return end(a, replay_tell(&r->live.session));
    if (written && park_take_up(&a->load, &r->live.merge, &r->live.session, r->live.changed) < 0)
        return end(a, replay_tell(&r->live.session));
    a->rows += written;
    a->seen += last - first + 1;
    progress_show(&a->progress, a->whole ? (double)a->seen / (double)a->whole : 1, a->rows);
    return end(a, 0);
}

static int apply_table(struct applying *a, const struct replay_table *t, const char *const *statements, size_t n)
{
    const char *count = arena_printf(&a->replay->arena, "SELECT COALESCE(pg_catalog.max(n), 0) FROM %s", t->list);
    long long last = ask(a->replay, doing_apply, count, 0, NULL), range = t->refers_to_itself && n > 1 ? last : RANGE;
    for (long long first = 1; last > 0 && first <= last; first += range)
        if (apply_range(a, t, statements, n, first, first + range - 1 < last ? first + range - 1 : last) < 0)
            return -1;
    return last < 0 ? -1 : 0;
}

/* Rows come parents first and go children first. */
static int apply_rows(struct applying *a)
{
    struct replay *r = a->replay;
    for (size_t i = 0; i < r->n_tables; i++)
        if (apply_table(a, &r->tables[i], (const char *[]){r->tables[i].insert, r->tables[i].update}, 2) < 0)
            return -1;
    for (size_t i = r->n_tables; i-- > 0;)
        if (apply_table(a, &r->tables[i], &r->tables[i].gone, 1) < 0)
            return -1;
    return 0;
}

static int apply_ledger_range(struct applying *a, long long first)
{
    char lo[32], hi[32];
    const char *const range[] = {lo, hi};
    snprintf(lo, sizeof lo, "%lld", first);
    snprintf(hi, sizeof hi, "%lld", first + LEDGER_RANGE - 1);
    if (begin(a) < 0)
        return end(a, -1);
    for (size_t i = 0; i < ARRAY_SIZE(ledger_sqls); i++)
        if (session_run(&a->replay->live.session, doing_apply, ledger_sqls[i], 2, range) < 0)
            return end(a, replay_tell(&a->replay->live.session));
    return end(a, 0);
}

/* The number of entries that differ, in the list that it makes; -1 after a message. */
static long long compare_ledgers(struct replay *r)
{
    const char *sql = arena_printf(&r->arena, ledger_differs_sql, scope_condition(r));
    return script(r, doing_compare, sql) < 0
               ? -1
               : ask(r, doing_compare, "SELECT pg_catalog.count(*) FROM replay.differs_ledger", 0, NULL);
}

/* Makes the lists. The number of rows that differ; -1 after a message. */
static long long compare_rows(struct replay *r)
{
    long long all = 0;
    if (prepare_comparison(r) < 0)
        return -1;
    for (size_t i = 0; i < r->n_tables; i++) {
        const struct replay_table *t = &r->tables[i];
        if (script(r, doing_compare, t->forget) < 0 || script(r, doing_compare, t->differs) < 0)
            return -1;
        long long n =
            ask(r, doing_compare, arena_printf(&r->arena, "SELECT pg_catalog.count(*) FROM %s", t->list), 0, NULL);
        if (n < 0)
            return -1;
        all += n;
    }
    return all;
}

static int apply_round(struct applying *a, long long *differ)
{
    struct replay *r = a->replay;
    *differ = compare_rows(r);
    a->whole += *differ;
    if (*differ < 0 || apply_rows(a) < 0)
        return -1;
    long long entries = compare_ledgers(r);
    for (long long first = 1; first <= entries; first += LEDGER_RANGE)
        if (apply_ledger_range(a, first) < 0)
            return -1;
    *differ += entries;
    return entries < 0 ? -1 : 0;
}

/* A round may leave something: what the live worker stored with other entity files, or what waits for rows that are not
 * in the scope. */
int replay_apply(struct replay *r, long long *rows)
{
    struct applying a = {.replay = r};
    long long differ = 1;
    int result = 0;
    load_init(&a.load, &r->domain->entities);
    progress_start(&a.progress, arena_printf(&r->arena, "%s: applying", r->title), "rows");
    for (int round = 0; result == 0 && differ && round < MOST_ROUNDS; round++)
        result = apply_round(&a, &differ);
    progress_end(&a.progress);
    load_release(&a.load);
    if (result == 0 && differ)
        log_warn(
            "something differs still: either the worker has not read its configuration again (send it HUP) and goes "
            "on with other entity files, or rows of the scope refer to rows outside of it; then replay these too");
    *rows = a.rows;
    return result;
}
