/*
 * oriel rejects [--source S] [--entity E] [--reason R] [--json]: what could not be taken, summed up with an example
 * each. oriel rejects show BATCH LINE [--json]: one record as it came, and all that was said of it. oriel rejects
 * retry: they are cleaned anew.
 */
#include "lib/log.h"
#include "lib/text.h"
#include "worker/command.h"
#include "worker/kept.h"
#include "worker/replay.h"
#include "worker/table.h"

enum { LARGEST_OUTPUT = 64 << 20 };

static const char list_sql[] =
    "WITH summed AS (\n"
    "    SELECT b.source, r.entity, r.field, r.rule, r.reason, r.action, pg_catalog.count(*) AS n,\n"
    "           pg_catalog.min(r.id) AS first\n"
    "    FROM raw.reject r JOIN raw.batch b ON b.id = r.batch\n"
    "    WHERE ($1::text IS NULL OR b.source = $1) AND ($2::text IS NULL OR r.entity = $2)\n"
    "      AND ($3::text IS NULL OR r.reason = $3)\n"
    "    GROUP BY b.source, r.entity, r.field, r.rule, r.reason, r.action)\n"
    "SELECT s.source, s.entity, s.field, s.reason, s.rule, s.action, s.n, e.batch, e.line, e.value AS example,\n"
    "       e.message\n"
    "FROM summed s JOIN raw.reject e ON e.id = s.first\n"
    "ORDER BY s.source, s.entity, s.n DESC, s.reason, s.field, s.rule";
enum { LIST_COLUMNS = 10 }; /* the message is for --json */

/* No text where the month of the batch was pruned. */
static const char record_sql[] =
    "SELECT b.source, b.client, d.name AS file, b.first_record + $2::integer - 1 AS record, b.id AS batch,\n"
    "       $2::integer AS line,\n"
    "       pg_catalog.to_char(b.received_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS received_at, "
    "r.text,\n"
    "       pg_catalog.to_char(m.pruned_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS pruned_at, "
    "m.pruned_by\n"
    "FROM raw.batch b LEFT JOIN oriel.delivery d ON d.id = b.delivery\n"
    "LEFT JOIN raw.record r ON r.batch = b.id AND r.line = $2::integer\n"
    "LEFT JOIN raw.month m ON b.received_at >= m.since AND b.received_at < m.until AND m.pruned_at IS NOT NULL\n"
    "WHERE b.id = $1::bigint AND $2::integer <= b.n_records";
static const char reasons_sql[] = "SELECT entity, field, reason, rule, action, value, message FROM raw.reject\n"
                                  "WHERE batch = $1::bigint AND line = $2::integer ORDER BY id";
static const char waits_sql[] = "SELECT entity, field, target AS waits_for, key FROM raw.parked\n"
                                "WHERE batch = $1::bigint AND line = $2::integer ORDER BY entity, field";

static void print(struct buf *out)
{
    printf("%s", buf_str(out));
    buf_release(out);
}

static int list(PGconn *c, const char *const filters[3], bool json)
{
    PGresult *r = pg_query(c, "summing rejects up", list_sql, 3, filters);
    if (!r)
        return EXIT_FAILED;
    struct buf out;
    buf_init(&out, LARGEST_OUTPUT);
    if (json) {
        table_print_json(&out, r);
        buf_putc(&out, '\n');
    } else if (!PQntuples(r))
        buf_puts(&out, "Nothing was rejected.\n");
    else {
        table_print(&out, r, LIST_COLUMNS);
        buf_puts(&out, "\n`oriel rejects show BATCH LINE` shows a record as it came.\n");
    }
    print(&out);
    PQclear(r);
    return EXIT_OK;
}

/* Postgres' words quote the values that it refused. */
static void put_messages(struct buf *out, const PGresult *reasons)
{
    for (int row = 0; row < PQntuples(reasons); row++) {
        if (PQgetisnull(reasons, row, 6))
            continue;
        buf_printf(out, "%s%s: ", row ? "" : "\n", PQgetvalue(reasons, row, 0));
        table_put_text(out, PQgetvalue(reasons, row, 6), true);
        buf_putc(out, '\n');
    }
}

static void put_record(struct buf *out, const PGresult *record, const PGresult *reasons, const PGresult *waits)
{
    table_put_text(out, PQgetvalue(record, 0, PQgetisnull(record, 0, 2) ? 0 : 2), false);
    buf_printf(out, ", record %s (client ", PQgetvalue(record, 0, 3));
    table_put_text(out, PQgetvalue(record, 0, 1), false);
    buf_printf(out, ", batch %s, line %s, received %s)\n\n", PQgetvalue(record, 0, 4), PQgetvalue(record, 0, 5),
               PQgetvalue(record, 0, 6));
    if (PQgetisnull(record, 0, 8))
        table_put_text(out, PQgetvalue(record, 0, 7), true);
    else
        buf_printf(
            out, "(Its raw was pruned at %s by %s: what it said is not known any more, and it cannot be tried again.)",
            PQgetvalue(record, 0, 8), PQgetvalue(record, 0, 9));
    buf_puts(out, "\n");
    const PGresult *tables[] = {reasons, waits};
    for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
        if (PQntuples(tables[i])) {
            buf_putc(out, '\n');
            table_print(out, tables[i], i ? PQnfields(tables[i]) : PQnfields(tables[i]) - 1);
        }
    put_messages(out, reasons);
    if (!PQntuples(reasons) && !PQntuples(waits))
        buf_puts(out, "\nNothing was said of it: it was taken.\n");
}

static void put_record_json(struct buf *out, const PGresult *record, const PGresult *reasons, const PGresult *waits)
{
    static const char *const names[] = {"{\"record\": ", ",\n\"reasons\": ", ",\n\"waits\": "};
    const PGresult *results[] = {record, reasons, waits};
    for (size_t i = 0; i < ARRAY_SIZE(results); i++) {
        buf_puts(out, names[i]);
        table_print_json(out, results[i]);
    }
    buf_puts(out, "}\n");
}

static int show(PGconn *c, const char *const at[2], bool json)
{
    static const char doing[] = "reading a record";
    PGresult *record = pg_query(c, doing, record_sql, 2, at);
    PGresult *reasons = record ? pg_query(c, doing, reasons_sql, 2, at) : NULL;
    PGresult *waits = reasons ? pg_query(c, doing, waits_sql, 2, at) : NULL;
    int code = EXIT_FAILED;
    if (waits && !PQntuples(record))
        log_error("there is no record %s in batch %s", at[1], at[0]);
    else if (waits) {
        struct buf out;
        buf_init(&out, LARGEST_OUTPUT);
        (json ? put_record_json : put_record)(&out, record, reasons, waits);
        print(&out);
        code = EXIT_OK;
    }
    PQclear(record);
    PQclear(reasons);
    PQclear(waits);
    return code;
}

/* ---- retry ---- */

static const char files_sql[] = "SELECT DISTINCT r.entity FROM raw.reject r JOIN raw.batch b ON b.id = r.batch\n"
                                "WHERE ($1::text IS NULL OR b.source = $1) AND ($2::text IS NULL OR r.entity = $2)\n"
                                "  AND ($3::text IS NULL OR r.reason = $3) ORDER BY 1";

static const char pruned_sql[] =
    "SELECT pg_catalog.count(DISTINCT (r.batch, r.line)) FROM raw.reject r JOIN raw.batch b ON b.id = r.batch\n"
    "WHERE ($1::text IS NULL OR b.source = $1) AND ($2::text IS NULL OR r.entity = $2)\n"
    "  AND ($3::text IS NULL OR r.reason = $3) AND NOT " KEPT_CONDITION;

/* Those that cannot be tried again. */
static int tell_pruned(PGconn *c, const char *const filters[3])
{
    PGresult *r = pg_query(c, "looking for rejects whose raw was pruned", pruned_sql, 3, filters);
    if (r && strcmp(PQgetvalue(r, 0, 0), "0") != 0)
        printf("The raw of %s of these records was pruned; they cannot be tried again and stay rejected.\n",
               PQgetvalue(r, 0, 0));
    PQclear(r);
    return r ? 0 : -1;
}

/* The entity files that rejected something, but those that are gone from the configuration. NULL-terminated, in a. */
static const char *const *list_files(struct arena *a, const PGresult *r, const struct entity_set *set)
{
    const char **files = arena_array(a, (size_t)PQntuples(r) + 1, sizeof *files);
    size_t n = 0;
    for (int row = 0; row < PQntuples(r); row++)
        if (entity_find(set, PQgetvalue(r, row, 0)))
            files[n++] = arena_strdup(a, PQgetvalue(r, row, 0));
    return files;
}

/* The batches that hold such rejects are replayed: what is taken today goes in, and its rejects go. */
static int retry(struct command_context *context, PGconn *c, const char *const filters[3])
{
    struct replay_scope scope = {.rejects = true, .source = filters[0], .reason = filters[2]};
    PGresult *r = pg_query(c, "finding what was rejected", files_sql, 3, filters);
    struct domain *d = r ? domain_load(context->config, context->database) : NULL;
    int code = !r ? EXIT_FAILED : !d ? EXIT_USAGE : EXIT_OK;
    const char *const *files = d ? list_files(&context->arena, r, &d->entities) : NULL;
    if (files && !*files)
        printf("Nothing was rejected that could be tried again.\n");
    else if (files && tell_pruned(c, filters) < 0)
        code = EXIT_FAILED;
    else if (files)
        code = replay_run(d, files, &scope, false, false);
    PQclear(r);
    domain_free(d);
    return code;
}

enum { ACTION_RETRY, ACTION_SHOW };
static const struct command_action actions[] = {
    [ACTION_RETRY] = {"retry", "",
                      "clean them anew, after an entity file was mended: what is taken now is no reject any more"},
    [ACTION_SHOW] = {"show", "BATCH LINE", "one record as it came, and all that was said of it"},
    {NULL, NULL, NULL},
};
enum { OPTION_SOURCE, OPTION_ENTITY, OPTION_REASON, OPTION_JSON };
static const struct command_option options[] = {
    [OPTION_SOURCE] = {"source", "SOURCE", "only of this source", NULL},
    [OPTION_ENTITY] = {"entity", "ENTITY", "only of this entity file", NULL},
    [OPTION_REASON] = {"reason", "REASON", "only for this reason", NULL},
    [OPTION_JSON] = {"json", NULL, "for programs", NULL},
    {NULL, NULL, NULL, NULL},
};

static int check_numbers(char **argv)
{
    long long n;
    if (text_integer(argv[0], 1, INT64_MAX, &n) < 0)
        return command_usage("rejects show", "\"%s\" is not the number of a batch", argv[0]);
    if (text_integer(argv[1], 1, INT32_MAX, &n) < 0)
        return command_usage("rejects show", "\"%s\" is not the number of a record in a batch", argv[1]);
    return EXIT_OK;
}

static int run(struct command_context *context, int argc, char **argv)
{
    (void)argc;
    const char *const filters[3] = {context->options[OPTION_SOURCE], context->options[OPTION_ENTITY],
                                    context->options[OPTION_REASON]};
    bool json = context->options[OPTION_JSON];
    bool is_show = context->action == ACTION_SHOW;
    if (is_show && check_numbers(argv) != EXIT_OK)
        return EXIT_USAGE;
    PGconn *c = command_connect(context);
    if (!c)
        return EXIT_FAILED;
    int code = context->action == ACTION_RETRY ? retry(context, c, filters)
               : is_show                       ? show(c, (const char *const[]){argv[0], argv[1]}, json)
                                               : list(c, filters, json);
    PQfinish(c);
    return code;
}

const struct command command_rejects = {
    .name = "rejects",
    .arguments = "",
    .summary = "what could not be taken, and why",
    .options = options,
    .actions = actions,
    .action_optional = true,
    .details = "Without an action: by source, entity, field and reason, with an example each.\n",
    .run = run,
};
