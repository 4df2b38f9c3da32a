#include "worker/throttle.h"

#include "lib/log.h"
#include "lib/settings.h"

enum suffering { PROBE, READERS, N_SUFFERINGS };

/* Readers suffer when something takes so many times what it took before, and more than this at all. */
static const double SLOWER_BY = 4, FLOOR_SECONDS[N_SUFFERINGS] = {0.002, 0.005};
/* Of a look in what is known of readers: one slow answer among quick ones is not much. */
static const double WEIGHT = 0.25;
static const double LOOK_EVERY = 0.05, LARGEST_SHARE = 8, LONGEST_PAUSE = 1, STANDBY_EVERY = 0.25, WORTH_TELLING = 1;
static const int LEARNING_LOOKS = 20;
static const double LEARNING_EVERY = 0.01;

static const char readers_sql[] =
    "SELECT pg_catalog.count(*), COALESCE(EXTRACT(epoch FROM pg_catalog.avg(pg_catalog.clock_timestamp() - "
    "query_start)\n"
    "    FILTER (WHERE state = 'active' AND wait_event IS DISTINCT FROM 'ClientWrite'\n"
    "            AND query_start > pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => $1::float8))), 0)\n"
    "FROM pg_catalog.pg_stat_activity\n"
    "WHERE usename = '" ROLE_READER "' AND datname = pg_catalog.current_database()";
/* One that takes a backup, or only keeps the WAL, replays nothing and has no replay_lsn. */
static const char standbys_sql[] =
    "SELECT application_name, COALESCE(pg_catalog.host(client_addr), 'local'),\n"
    "       pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_flush_lsn(), replay_lsn)::bigint\n"
    "FROM pg_catalog.pg_stat_replication WHERE replay_lsn IS NOT NULL ORDER BY 3 DESC LIMIT 1";

static void sleep_for(double seconds)
{
    if (seconds > 0)
        nanosleep(&(struct timespec){(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)}, NULL);
}

/* NULL when the session is broken: the work's next statement tells that, better than a look aside. */
static PGresult *look(const struct throttle *t, const char *statement, int n, const char *const *params)
{
    PGresult *r = PQexecPrepared(t->c, statement, n, params, NULL, NULL, 0);
    if (PQresultStatus(r) == PGRES_TUPLES_OK)
        return r;
    PQclear(r);
    return NULL;
}

/* How long a row by its key takes, in seconds. */
static double probe(const struct throttle *t, long long key)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", key);
    double began = progress_clock();
    PQclear(look(t, "throttle_probe", 1, (const char *[]){text}));
    return progress_clock() - began;
}

/* How long readers' statements have been under way, in seconds. *sessions gets how many readers there are. */
static double ask_readers(const struct throttle *t, long long *sessions)
{
    char since[32];
    snprintf(since, sizeof since, "%.6f", progress_clock() - t->began);
    PGresult *r = look(t, "throttle_readers", 1, (const char *[]){since});
    double seconds = r ? strtod(PQgetvalue(r, 0, 1), NULL) : 0;
    *sessions = r ? strtoll(PQgetvalue(r, 0, 0), NULL, 10) : 0;
    PQclear(r);
    return seconds;
}

static int prepare(const struct throttle *t, const char *name, const char *sql)
{
    PGresult *r = PQprepare(t->c, name, sql, 0, NULL);
    bool good = PQresultStatus(r) == PGRES_COMMAND_OK;
    if (!good)
        pg_tell_failure(t->c, r, t->what);
    PQclear(r);
    return good ? 0 : -1;
}

/* The quickest probe is what it takes when nothing is in the way; of readers, what they take on the average. */
static void learn(struct throttle *t, long long key)
{
    long long sessions = 1;
    int n = 0;
    for (int i = 0; t->probes && i < 5; i++) {
        double took = probe(t, key);
        t->usual[PROBE] = i == 0 || took < t->usual[PROBE] ? took : t->usual[PROBE];
    }
    for (double sum = 0; n < LEARNING_LOOKS && sessions; n++) {
        sum += ask_readers(t, &sessions);
        t->usual[READERS] = sum / (n + 1);
        sleep_for(sessions ? LEARNING_EVERY : 0);
    }
}

int throttle_init(struct throttle *t, PGconn *c, const char *what, const struct throttle_options *options,
                  const char *probe_sql, long long key)
{
    double now = progress_clock();
    *t = (struct throttle){.c = c, .options = options, .what = what, .probes = probe_sql, .began = now, .looked = now};
    if (prepare(t, "throttle_readers", readers_sql) < 0 || prepare(t, "throttle_standbys", standbys_sql) < 0 ||
        (probe_sql && prepare(t, "throttle_probe", probe_sql) < 0))
        return -1;
    learn(t, key);
    t->began = progress_clock();
    return 0;
}

/* ---- standbys ---- */

static void say_waiting(const struct throttle *t, struct progress *p, const PGresult *r)
{
    const char *name = PQgetvalue(r, 0, 0);
    progress_end(p);
    log_info("%s: waits for the standby \"%s\" (%s), which has %.1f MB of WAL left to replay; %.1f MB are allowed "
             "(--max-lag)",
             t->what, *name ? name : "without a name", PQgetvalue(r, 0, 1), strtod(PQgetvalue(r, 0, 2), NULL) / 1048576,
             (double)t->options->max_lag / 1048576);
}

static void wait_for_standbys(struct throttle *t, struct progress *p)
{
    char told[128] = "";
    double began = progress_clock();
    long long enough = t->options->max_lag;
    bool waited = false;
    for (PGresult *r; (r = look(t, "throttle_standbys", 0, NULL)); PQclear(r)) {
        if (PQntuples(r) == 0 || strtoll(PQgetvalue(r, 0, 2), NULL, 10) <= enough) {
            PQclear(r);
            break;
        }
        waited = true;
        enough = t->options->max_lag / 2; /* else it would soon wait again */
        char who[128];
        snprintf(who, sizeof who, "%s %s", PQgetvalue(r, 0, 0), PQgetvalue(r, 0, 1));
        if (progress_clock() - began >= WORTH_TELLING && strcmp(who, told) != 0) {
            say_waiting(t, p, r);
            memcpy(told, who, sizeof told);
        }
        sleep_for(STANDBY_EVERY);
    }
    double took = progress_clock() - began;
    t->standbys += waited ? took : 0;
    if (!*told)
        return;
    progress_end(p);
    log_info("%s: goes on; it waited %.1f s for standbys", t->what, took);
}

/* ---- readers ---- */

static bool is_slow(const struct throttle *t, enum suffering s)
{
    double limit = t->usual[s] * SLOWER_BY;
    return t->slow[s] > (limit > FLOOR_SECONDS[s] ? limit : FLOOR_SECONDS[s]);
}

static void say_pauses(struct throttle *t, struct progress *p, enum suffering s)
{
    static const char *const texts[] = {
        [PROBE] = "reading a row takes", [READERS] = "readers' statements are under way for"};
    if (t->told[s])
        return;
    t->told[s] = true;
    progress_end(p);
    log_info("%s: %s %.1f ms, and %.1f ms before; it makes pauses while that is so", t->what, texts[s],
             t->slow[s] * 1000, t->usual[s] * 1000);
}

static void look_at_readers(struct throttle *t, struct progress *p, long long key)
{
    long long sessions;
    const double now[N_SUFFERINGS] = {t->probes ? probe(t, key) : 0, ask_readers(t, &sessions)};
    bool slow = false;
    for (int s = 0; s < N_SUFFERINGS; s++) {
        t->slow[s] += (now[s] - t->slow[s]) * WEIGHT;
        if (!is_slow(t, (enum suffering)s))
            continue;
        slow = true;
        say_pauses(t, p, (enum suffering)s);
    }
    if (slow)
        t->share = t->share < 1 ? 1 : t->share < LARGEST_SHARE ? t->share * 2 : LARGEST_SHARE;
    else
        t->share = t->share > 1 ? t->share / 2 : 0;
}

/* ---- all of it ---- */

void throttle_keep_rate(const struct throttle *t, long long units)
{
    if (t->options->units_per_second)
        sleep_for((double)units / (double)t->options->units_per_second - (progress_clock() - t->began));
}

void throttle_wait(struct throttle *t, struct progress *p, double took, long long units, long long key)
{
    if (progress_clock() - t->looked >= LOOK_EVERY) {
        look_at_readers(t, p, key);
        wait_for_standbys(t, p);
        t->looked = progress_clock();
    }
    double pause = took * t->share < LONGEST_PAUSE ? took * t->share : LONGEST_PAUSE;
    t->readers += pause;
    sleep_for(pause);
    throttle_keep_rate(t, units);
}

const char *throttle_summary(const struct throttle *t, char text[static 128])
{
    size_t n = 0;
    *text = 0;
    if (t->readers > 0)
        n = (size_t)snprintf(text, 128, ", %.1f s of it in pauses for readers", t->readers);
    if (t->standbys > 0)
        snprintf(text + n, 128 - n, ", %.1f s waiting for standbys", t->standbys);
    return text;
}
