#include "worker/change_fill.h"

#include <ctype.h>

#include "lib/log.h"
#include "worker/progress.h"

/* A range is sized so that its transaction takes about this long: short enough to keep nobody waiting for a row. */
static const double RANGE_SECONDS = 0.1;
enum { FIRST_RANGE = 1000, LARGEST_RANGE = 200000 };
/* Readers suffer when a probe takes so many times what it took before the fill began; standbys, when they lag so far.
 */
static const double SLOWER_BY = 4, PROBE_FLOOR_SECONDS = 0.002, LAG_SECONDS = 1, LONGEST_PAUSE_SECONDS = 1;

struct filling {
    const struct change *change;
    PGconn *c;
    const struct fill_options *options;
    const char *sql;          /* with $1 and $2 */
    const char *probe;        /* reads one row by the key */
    long long next, last;     /* keys */
    long long first;          /* of this run */
    long long rows, rows_now; /* in all, and in this run */
    double usual_probe;       /* seconds */
    double began;
};

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

int change_fill_parse(const struct change_file *f, struct arena *a, const char **key, const char **sql)
{
    static const char mark[] = "-- key: ";
    struct buf b;
    bool lo = false, hi = false;
    const char *line = strncmp(f->sql, mark, sizeof mark - 1) == 0 ? f->sql : NULL;
    const char *end = line ? line + strcspn(line, "\n") : NULL;
    if (line) {
        *key = arena_memdup(a, line + sizeof mark - 1, (size_t)(end - line) - (sizeof mark - 1));
        const char *dot = strchr(*key, '.');
        if (!dot || !strchr(dot + 1, '.') || strspn(*key, "abcdefghijklmnopqrstuvwxyz0123456789_.") != strlen(*key))
            line = NULL;
    }
    if (!line) {
        log_error("%s:1: the first line must name the key whose ranges the fill runs over: -- key: schema.table.column",
                  f->path);
        return -1;
    }
    buf_init(&b, SIZE_MAX / 2);
    for (const char *p = end; *p;) {
        bool variable = *p == ':' && p[-1] != ':' && (strncmp(p + 1, "lo", 2) == 0 || strncmp(p + 1, "hi", 2) == 0) &&
                        !is_word(p[3]);
        if (variable) {
            lo = lo || p[1] == 'l';
            hi = hi || p[1] == 'h';
            buf_puts(&b, p[1] == 'l' ? "$1::bigint" : "$2::bigint");
            p += 3;
        } else
            buf_putc(&b, *p++);
    }
    *sql = arena_strdup(a, buf_str(&b));
    buf_release(&b);
    if (lo && hi)
        return 0;
    log_error("%s: the statement must use :lo and :hi, the range of keys that it is to fill", f->path);
    return -1;
}

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

/* How long a reader would wait for one row now, in seconds. */
static double probe(const struct filling *f)
{
    char key[32];
    const char *params[] = {key};
    snprintf(key, sizeof key, "%lld", f->next);
    double began = progress_clock();
    PGresult *r = PQexecPrepared(f->c, "fill_probe", 1, params, NULL, NULL, 0);
    PQclear(r); /* a failure shows in the next statement */
    return progress_clock() - began;
}

static double lag(const struct filling *f)
{
    PGresult *r = PQexecPrepared(f->c, "fill_lag", 0, NULL, NULL, NULL, 0);
    double seconds = PQntuples(r) == 1 ? strtod(PQgetvalue(r, 0, 0), NULL) : 0;
    PQclear(r);
    return seconds;
}

static void sleep_for(double seconds)
{
    if (seconds > 0)
        nanosleep(&(struct timespec){(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)}, NULL);
}

/* Waits while readers or standbys suffer, and as long as the rate that was asked for wants. */
static void throttle(const struct filling *f, double took)
{
    double limit = f->usual_probe * SLOWER_BY;
    if (probe(f) > (limit > PROBE_FLOOR_SECONDS ? limit : PROBE_FLOOR_SECONDS))
        sleep_for(took < LONGEST_PAUSE_SECONDS ? took : LONGEST_PAUSE_SECONDS); /* half the load at most */
    while (lag(f) > LAG_SECONDS)
        sleep_for(LONGEST_PAUSE_SECONDS);
    if (f->options->rows_per_second)
        sleep_for((double)f->rows_now / (double)f->options->rows_per_second - (progress_clock() - f->began));
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
        pg_tell_failure(f->c, r, f->change->step[STEP_FILL].path);
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
    char what[160];
    snprintf(what, sizeof what, "fill %s", f->change->name);
    progress_start(&progress, what, "rows");
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
        throttle(f, took);
        progress_show(&progress, (double)(f->next - f->first) / (double)whole, f->rows_now);
    }
    progress_end(&progress);
    return 0;
}

static int prepare(struct filling *f, const char *table, const char *column, struct arena *a)
{
    const struct {
        const char *name, *sql;
    } statements[] = {
        {"fill", f->sql},
        {"fill_probe", arena_printf(a, "SELECT %s FROM %s WHERE %s = $1::bigint", column, table, column)},
        {"fill_lag",
         "SELECT COALESCE(EXTRACT(epoch FROM pg_catalog.max(replay_lag)), 0) FROM pg_catalog.pg_stat_replication"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(statements); i++) {
        PGresult *r = PQprepare(f->c, statements[i].name, statements[i].sql, 0, NULL);
        bool good = PQresultStatus(r) == PGRES_COMMAND_OK;
        if (!good)
            pg_tell_failure(f->c, r, f->change->step[STEP_FILL].path);
        PQclear(r);
        if (!good)
            return -1;
    }
    /* a range of keys is only found by the index when the planner knows how large the table is */
    return pg_run(f->c, "analysing the table", arena_printf(a, "ANALYZE %s", table), 0, NULL);
}

int change_fill(const struct change *change, PGconn *c, struct arena *a, const struct fill_options *options)
{
    struct filling f = {.change = change, .c = c, .options = options, .began = progress_clock()};
    const char *key, *table, *column;
    if (change_fill_parse(&change->step[STEP_FILL], a, &key, &f.sql) < 0)
        return -1;
    quote_key(a, key, &table, &column);
    if (prepare(&f, table, column, a) < 0 || find_range(&f, table, column, a) < 0)
        return -1;
    for (int i = 0; i < 5; i++) { /* the quickest of five is what it takes when nothing is in the way */
        double took = probe(&f);
        f.usual_probe = i == 0 || took < f.usual_probe ? took : f.usual_probe;
    }
    if (fill_all(&f) < 0 || pg_run(c, "recording the step", "BEGIN", 0, NULL) < 0 ||
        change_record(c, change, STEP_FILL) < 0 || pg_run(c, "recording the step", "COMMIT", 0, NULL) < 0)
        return -1;
    double took = progress_clock() - f.began;
    printf("filled %s: %lld rows in %.1f s, %.0f rows/s (%lld in all runs)\n", change->name, f.rows_now, took,
           (double)f.rows_now / (took > 0 ? took : 1), f.rows);
    return 0;
}
