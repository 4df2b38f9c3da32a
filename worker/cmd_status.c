/*
 * oriel status: each source, what it delivered, what became of it, and why things were rejected.
 */
#include <dirent.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/text.h"
#include "worker/command.h"
#include "worker/status_fields.h"
#include "worker/table.h"

enum { LARGEST_OUTPUT = 64 << 20 };

enum { OPTION_JSON, OPTION_WATCH, OPTION_EVERY };
static const struct command_option options[] = {
    [OPTION_JSON] = {"json", NULL, "for programs", NULL},
    [OPTION_WATCH] = {"watch", NULL, "again and again; on a terminal in place, else one behind the other", NULL},
    [OPTION_EVERY] = {"every", "DURATION", "how often --watch looks (2s)", NULL},
    {NULL, NULL, NULL, NULL},
};

/* x.s seconds in one unit, as people say it. */
#define SPAN                                                                                                           \
    "(SELECT CASE WHEN x.s < 120 THEN pg_catalog.round(x.s) || ' s'\n"                                                 \
    "             WHEN x.s < 7200 THEN pg_catalog.floor(x.s / 60) || ' min'\n"                                         \
    "             WHEN x.s < 172800 THEN pg_catalog.floor(x.s / 3600) || ' h'\n"                                       \
    "             ELSE pg_catalog.floor(x.s / 86400) || ' d' END FROM "
#define UTC " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"

/*
 * $1: the sources that are configured, as text[]; null when that is not known. lag: for how long the oldest delivery
 * that is not finished has been waited for. The message stands below the table, since it is longer than a column.
 */
static const char sources_sql[] =
    "SELECT COALESCE(s.name, k.name) AS source,\n"
    "       CASE WHEN s.name IS NULL THEN 'new' WHEN k.name IS NULL AND $1::text[] IS NOT NULL THEN 'removed'\n"
    "            ELSE s.state END AS state,\n"
    "       " SPAN "(VALUES (t.pulled)) x (s)) AS last_pull,\n"
    "       " SPAN "(VALUES (t.lag)) x (s)) AS lag,\n"
    "       CASE WHEN o.size > 0 THEN o.next_offset * 100 / o.size || ' % of ' || o.name\n"
    "            WHEN o.name IS NOT NULL THEN o.name\n"
    "            WHEN s.position IS NOT NULL THEN COALESCE(s.position::json ->> 'at', 'the beginning')\n"
    "            WHEN d.done > 0 THEN 'all read' END AS position,\n"
    "       COALESCE(s.records, 0) AS records, COALESCE(m.records, 0) AS per_min, COALESCE(c.rows, 0) AS rows,\n"
    "       COALESCE(c.rejected, 0) AS rejected, COALESCE(c.parked, 0) AS parked, s.message,\n"
    "       d.done AS files_done, d.open AS files_open, pg_catalog.to_char(s.batch_at" UTC " AS last_batch,\n"
    "       pg_catalog.to_char(s.looked_at" UTC " AS looked_at, pg_catalog.to_char(s.pulled_at" UTC " AS pulled_at,\n"
    "       pg_catalog.round(t.lag)::bigint AS lag_seconds\n"
    "FROM oriel.source s\n"
    "FULL JOIN pg_catalog.unnest($1::text[]) AS k (name) ON k.name = s.name\n"
    "CROSS JOIN LATERAL (\n"
    "    SELECT pg_catalog.count(finished_at) AS done, pg_catalog.count(*) - pg_catalog.count(finished_at) AS open,\n"
    "           pg_catalog.min(started_at) FILTER (WHERE finished_at IS NULL) AS since\n"
    "    FROM oriel.delivery WHERE source = s.name) d\n"
    "CROSS JOIN LATERAL (\n"
    "    SELECT EXTRACT(epoch FROM pg_catalog.now() - COALESCE(s.pulled_at, s.looked_at)) AS pulled,\n"
    "           EXTRACT(epoch FROM pg_catalog.now() - d.since) AS lag) t\n"
    "LEFT JOIN LATERAL (\n"
    "    SELECT name, next_offset, size FROM oriel.delivery WHERE source = s.name AND finished_at IS NULL\n"
    "    ORDER BY started_at LIMIT 1) o ON true\n"
    "LEFT JOIN LATERAL (\n"
    "    SELECT pg_catalog.sum(n_records)::bigint AS records FROM raw.batch\n"
    "    WHERE source = s.name AND received_at > pg_catalog.now() - '1 min'::interval) m ON true\n"
    "LEFT JOIN (\n"
    "    SELECT b.source, pg_catalog.sum(e.inserted + e.updated + e.unchanged)::bigint AS rows,\n"
    "           pg_catalog.sum(e.rejected)::bigint AS rejected, pg_catalog.sum(e.parked)::bigint AS parked\n"
    "    FROM raw.batch b JOIN raw.batch_entity e ON e.batch = b.id GROUP BY b.source) c ON c.source = s.name\n"
    "ORDER BY 1";
static const char entities_sql[] =
    "SELECT b.source, e.entity,\n"
    "       pg_catalog.sum(e.inserted)::bigint AS inserted, pg_catalog.sum(e.updated)::bigint AS updated,\n"
    "       pg_catalog.sum(e.unchanged)::bigint AS unchanged, pg_catalog.sum(e.rejected)::bigint AS rejected,\n"
    "       pg_catalog.sum(e.parked)::bigint AS parked\n"
    "FROM raw.batch b JOIN raw.batch_entity e ON e.batch = b.id\n"
    "GROUP BY b.source, e.entity ORDER BY b.source, e.entity";
static const char reasons_sql[] =
    "SELECT b.source, r.entity, r.reason, r.action, pg_catalog.count(*) AS values\n"
    "FROM raw.reject r JOIN raw.batch b ON b.id = r.batch\n"
    "GROUP BY b.source, r.entity, r.reason, r.action ORDER BY b.source, r.entity, pg_catalog.count(*) DESC, r.reason";

static const char waiting_sql[] =
    "SELECT d.id AS delivery, d.source, d.name, d.gone_rows AS missing, d.gone_message AS why\n"
    "FROM oriel.delivery d WHERE d.gone = 'waiting' ORDER BY d.id";

/* To tell something more of sources, add a line: a query whose first columns make a table that fits TABLE_WIDTH. */
static const struct part {
    const char *name, *title, *doing, *sql;
    int columns;                                  /* so many go into the table; --json has all */
    int message;                                  /* column of a message for people; -1: there is none */
    bool takes_sources;                           /* $1 is the list of the sources that are configured */
    PGresult *(*arrange)(PGresult *r, bool json); /* makes what is shown of it; NULL: the result itself */
} parts[] = {
    {"sources", NULL, "reading the state of sources", sources_sql, 10, 10, true, NULL},
    {"waiting", "Deliveries that wait for `oriel release DELIVERY` or `oriel refuse DELIVERY`",
     "reading which deliveries wait", waiting_sql, 5, -1, false, NULL},
    {"entities", "What became of the records, per entity file", "summing batches up", entities_sql, 7, -1, false, NULL},
    {"rejects", "Why values were not taken (`oriel rejects` shows more)", "summing rejects up", reasons_sql, 5, -1,
     false, NULL},
    {"fields", "Fields that no entity file asks for, and those that all records of the last delivery lack",
     "reading unknown and missing fields", status_fields_sql, STATUS_FIELDS_COLUMNS, -1, false, status_fields_arrange},
};

static void put_messages(struct buf *out, const PGresult *r, int column)
{
    for (int row = 0; row < PQntuples(r); row++) {
        if (PQgetisnull(r, row, column))
            continue;
        buf_printf(out, "\n%s is %s: ", PQgetvalue(r, row, 0), PQgetvalue(r, row, 1));
        table_put_text(out, PQgetvalue(r, row, column), true); /* it names the client's file */
        buf_putc(out, '\n');
    }
}

static void put_part(struct buf *out, const struct part *part, const PGresult *r, bool json)
{
    if (json) {
        buf_printf(out, "%s\"%s\": ", part == parts ? "{" : ",\n", part->name);
        table_print_json(out, r);
        return;
    }
    if (!PQntuples(r) && part != parts)
        return;
    if (part->title)
        buf_printf(out, "\n%s\n", part->title);
    table_print(out, r, part->columns);
    if (part->message >= 0)
        put_messages(out, r, part->message);
}

/* The names of the source files, as text of an SQL array; NULL when the folder cannot be read. */
static const char *configured(const char *folder, struct arena *a)
{
    struct buf b;
    DIR *dir = opendir(folder);
    if (!dir)
        return NULL;
    buf_init(&b, 1 << 20);
    buf_putc(&b, '{');
    for (struct dirent *d; (d = readdir(dir));) {
        size_t n = strlen(d->d_name);
        if (d->d_name[0] == '.' || n <= 5 || strcmp(d->d_name + n - 5, ".json") != 0)
            continue;
        buf_puts(&b, b.len > 1 ? ",\"" : "\"");
        for (size_t i = 0; i < n - 5; i++) {
            if (d->d_name[i] == '"' || d->d_name[i] == '\\')
                buf_putc(&b, '\\');
            buf_putc(&b, d->d_name[i]);
        }
        buf_putc(&b, '"');
    }
    closedir(dir);
    buf_putc(&b, '}');
    const char *array = arena_memdup(a, buf_str(&b), b.len);
    buf_release(&b);
    return array;
}

static int put_status(struct buf *out, PGconn *c, const char *sources, bool json)
{
    for (const struct part *part = parts; part < parts + ARRAY_SIZE(parts); part++) {
        PGresult *r = pg_query(c, part->doing, part->sql, part->takes_sources, &sources);
        if (!r)
            return -1;
        if (part->arrange)
            r = part->arrange(r, json);
        put_part(out, part, r, json);
        PQclear(r);
    }
    buf_puts(out, json ? "}\n" : "");
    return 0;
}

/* One picture of it, on a terminal in the place of the last; the time shows that it lives. */
static int print_status(PGconn *c, const char *folder, bool json, bool in_place)
{
    struct arena a;
    struct buf out;
    arena_init(&a);
    buf_init(&out, LARGEST_OUTPUT);
    int result = put_status(&out, c, configured(folder, &a), json);
    if (result == 0 && in_place) {
        time_t now = time(NULL);
        struct tm tm;
        char clock[16];
        strftime(clock, sizeof clock, "%H:%M:%SZ", gmtime_r(&now, &tm));
        printf("\033[H\033[2J%s, Ctrl-C ends\n\n", clock);
    }
    if (result == 0)
        fwrite(buf_str(&out), 1, out.len, stdout);
    buf_release(&out);
    arena_release(&a);
    return fflush(stdout) == 0 ? result : -1;
}

static int run(struct command_context *context, int argc, char **argv)
{
    (void)argc, (void)argv;
    const char *every = context->options[OPTION_EVERY] ? context->options[OPTION_EVERY] : "2s";
    bool json = context->options[OPTION_JSON], watch = context->options[OPTION_WATCH];
    bool in_place = watch && !json && isatty(STDOUT_FILENO);
    long long ms = text_duration_ms(every);
    if (ms < 100)
        return command_usage("status", "--every takes a duration of at least 100ms, such as 2s, not \"%s\"", every);
    PGconn *c = command_connect(context);
    int result = c ? print_status(c, context->settings.sources, json, in_place) : -1;
    while (watch && result == 0) {
        const struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
        nanosleep(&pause, NULL);
        if (!in_place && !json)
            printf("\n");
        result = print_status(c, context->settings.sources, json, in_place);
    }
    PQfinish(c);
    return result == 0 ? EXIT_OK : EXIT_FAILED;
}

const struct command command_status = {
    .name = "status",
    .arguments = "",
    .summary = "each source: what it delivered and what became of it",
    .options = options,
    .details = "state: ready; waiting, a failure is tried again; stopped, a person is needed; new, the worker has not "
               "seen it yet;\n"
               "removed, it is configured no more. last_pull: how long ago it was last looked at. lag: for how long "
               "the oldest\n"
               "delivery that is not finished has been worked on. per_min: records of the last minute.\n"
               "Beneath stands why a source waits or is stopped, and which files of a drop folder are left out until "
               "they change.\n"
               "\n"
               "Fields are shown that no entity file of the source asks for (unknown), and that are asked for and not "
               "there (missing):\n"
               "of the source's last delivery all records lack them, or as many as have an unknown field of which they "
               "may be the\n"
               "old name. share: of the records of that delivery. records: since it was first so. --json has all.\n"
               "\n"
               "With --watch and a pipe the pictures follow each other, an empty line between two; with --json one "
               "document each.\n",
    .run = run,
};
