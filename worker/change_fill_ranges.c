#include "worker/change_fill.h"

#include "worker/progress.h"

/* A range is sized so that its transaction takes about this long: short enough to keep nobody waiting for a row. */
static const double RANGE_SECONDS = 0.1;
enum { FIRST_RANGE = 1000, LARGEST_RANGE = 200000 };

struct filling {
    const struct change *change;
    struct change_file statement; /* as it is run */
    PGconn *c;
    const char *what; /* "fill 0002-price-cents" */
    struct throttle throttle;
    long long next, last;     /* keys */
    long long first;          /* of this run */
    long long rows, rows_now; /* in all, and in this run */
};

/* "schema"."table" and "column" of a key, quoted. */
static void quote_key(struct arena *a, const char *key, const char **table, const char **column)
{
    const char *dot = strchr(key, '.'), *last = strrchr(key, '.');
    *table = arena_printf(a, "\"%.*s\".\"%.*s\"", (int)(dot - key), key, (int)(last - dot - 1), dot + 1);
    *column = arena_printf(a, "\"%s\"", last + 1);
}

static long long number(const PGresult *r, int column)
{
    return strtoll(PQgetvalue(r, 0, column), NULL, 10);
}

/* Where an earlier run stopped; or, the first time and again after a fill that came to its end, the whole of the key as
 * it is now: as long as a worker of the release before is at work, rows come that need filling. */
static int find_range(struct filling *f, const char *table, const char *column, struct arena *a)
{
    const char *sql = arena_printf(a,
                                   "WITH started AS (INSERT INTO oriel.change_fill AS f (change, next_key, last_key)"
                                   " SELECT $1, COALESCE(min(%s), 1), COALESCE(max(%s), 0) FROM %s"
                                   " ON CONFLICT (change) DO UPDATE SET next_key = EXCLUDED.next_key,"
                                   " last_key = EXCLUDED.last_key WHERE $2::boolean AND f.next_key > f.last_key"
                                   " RETURNING next_key, last_key, rows)"
                                   " SELECT next_key, last_key, rows FROM started UNION ALL"
                                   " SELECT next_key, last_key, rows FROM oriel.change_fill WHERE change = $1"
                                   "    AND NOT EXISTS (SELECT FROM started)",
                                   column, column, table);
    const char *params[] = {f->change->name, f->change->step[STEP_FILL].applied_at ? "t" : "f"};
    PGresult *r = pg_query(f->c, "finding the range of keys", sql, 2, params);
    if (!r)
        return -1;
    f->first = f->next = number(r, 0);
    f->last = number(r, 1);
    f->rows = number(r, 2);
    PQclear(r);
    return 0;
}

/* One range in one transaction; the number of rows, or -1. */
static long long fill_range(struct filling *f, long long hi)
{
    char lo_text[32], hi_text[32], rows_text[32];
    const char *range[] = {lo_text, hi_text}, *state[] = {f->change->name, hi_text, rows_text};
    snprintf(lo_text, sizeof lo_text, "%lld", f->next);
    snprintf(hi_text, sizeof hi_text, "%lld", hi);
    /* asynchronous commit is safe here: what a crash takes, it takes of the rows and of the progress alike */
    if (pg_run(f->c, "filling", "BEGIN; SET LOCAL synchronous_commit = off; SET LOCAL ROLE oriel_owner", 0, NULL) < 0)
        return -1;
    PGresult *r = PQexecPrepared(f->c, "fill", 2, range, NULL, NULL, 0);
    long long rows = PQresultStatus(r) == PGRES_COMMAND_OK ? strtoll(PQcmdTuples(r), NULL, 10) : -1;
    if (rows < 0)
        change_tell_failure(&f->statement, 0, f->c, r);
    PQclear(r);
    snprintf(rows_text, sizeof rows_text, "%lld", rows);
    if (rows >= 0 &&
        pg_run(f->c, "recording how far the fill is",
               "UPDATE oriel.change_fill SET next_key = $2::bigint + 1, rows = rows + $3, updated_at = pg_catalog.now()"
               " WHERE change = $1",
               3, state) == 0 &&
        pg_run(f->c, "filling", "COMMIT", 0, NULL) == 0)
        return rows;
    if (PQstatus(f->c) == CONNECTION_OK && pg_run(f->c, "rolling back", "ROLLBACK", 0, NULL) < 0)
        return -1;
    return -1;
}

static int fill_all(struct filling *f)
{
    struct progress progress;
    long long size = FIRST_RANGE, whole = f->last - f->first + 1;
    progress_start(&progress, f->what, "rows");
    while (f->next <= f->last) {
        double began = progress_clock();
        long long hi = f->next + size - 1 < f->last ? f->next + size - 1 : f->last, rows = fill_range(f, hi);
        if (rows < 0) {
            progress_end(&progress);
            return -1;
        }
        double took = progress_clock() - began;
        f->next = hi + 1;
        f->rows += rows;
        f->rows_now += rows;
        if (took < RANGE_SECONDS / 2 && size < LARGEST_RANGE)
            size *= 2;
        else if (took > RANGE_SECONDS * 2 && size > 1)
            size /= 2;
        if (f->next <= f->last)
            throttle_wait(&f->throttle, &progress, took, f->rows_now, f->next);
        else
            throttle_keep_rate(&f->throttle, f->rows_now);
        progress_show(&progress, (double)(f->next - f->first) / (double)whole, f->rows_now);
    }
    progress_end(&progress);
    return 0;
}

static int prepare(struct filling *f, const char *table, struct arena *a)
{
    PGresult *r = PQprepare(f->c, "fill", f->statement.sql, 0, NULL);
    bool good = PQresultStatus(r) == PGRES_COMMAND_OK;
    if (!good)
        change_tell_failure(&f->statement, 0, f->c, r);
    PQclear(r);
    /* a range of keys is only found by the index when the planner knows how large the table is */
    return good ? pg_run(f->c, "analysing the table", arena_printf(a, "ANALYZE %s", table), 0, NULL) : -1;
}

int change_fill_ranges(const struct change *change, const struct change_fill_file *file, PGconn *c, struct arena *a,
                       const struct throttle_options *options)
{
    struct filling f = {.change = change,
                        .statement = {.path = change->step[STEP_FILL].path, .sql = file->sql, .partial = true},
                        .c = c,
                        .what = arena_printf(a, "fill %s", change->name)};
    double began = progress_clock();
    const char *table, *column;
    char summary[128];
    quote_key(a, file->key, &table, &column);
    const char *probe = arena_printf(a, "SELECT %s FROM %s WHERE %s = $1::bigint", column, table, column);
    if (prepare(&f, table, a) < 0 || find_range(&f, table, column, a) < 0 ||
        throttle_init(&f.throttle, c, f.what, options, probe, f.next) < 0 || fill_all(&f) < 0 ||
        pg_run(c, "recording the step", "BEGIN", 0, NULL) < 0 || change_record(c, change, STEP_FILL) < 0 ||
        pg_run(c, "recording the step", "COMMIT", 0, NULL) < 0)
        return -1;
    double took = progress_clock() - began;
    printf("filled %s: %lld rows in %.1f s, %.0f rows/s (%lld in all runs)%s\n", change->name, f.rows_now, took,
           (double)f.rows_now / (took > 0 ? took : 1), f.rows, throttle_summary(&f.throttle, summary));
    return 0;
}
