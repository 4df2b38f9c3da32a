/*
 * oriel rejects: what could not be taken, summed up with an example each, per delivery, or one by one; one record as it
 * came; and to clean them anew.
 */
#include "lib/log.h"
#include "lib/text.h"
#include "worker/clean.h"
#include "worker/command.h"
#include "worker/kept.h"
#include "worker/rejects_show.h"
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

/* One by one, the newest first. $4: how many; null for all. */
static const char records_sql[] =
    "SELECT b.source, r.batch, r.line, r.entity, r.field, r.reason, r.action, r.value, d.name AS delivery, r.rule,\n"
    "       r.message\n"
    "FROM raw.reject r JOIN raw.batch b ON b.id = r.batch LEFT JOIN oriel.delivery d ON d.id = b.delivery\n"
    "WHERE ($1::text IS NULL OR b.source = $1) AND ($2::text IS NULL OR r.entity = $2)\n"
    "  AND ($3::text IS NULL OR r.reason = $3)\n"
    "ORDER BY r.id DESC LIMIT $4::bigint";
enum { RECORDS_COLUMNS = 8 };

/* Per delivery, the newest first. reasons: how many were told, of rejects and of values that were not taken; of one
 * reason only where $3 names it. */
static const char deliveries_sql[] =
    "WITH d AS (\n"
    "    SELECT d.id, d.source, d.name FROM oriel.delivery d\n"
    "    WHERE ($1::text IS NULL OR d.source = $1) AND EXISTS (\n"
    "        SELECT FROM raw.batch b JOIN raw.reject r ON r.batch = b.id\n"
    "        WHERE b.delivery = d.id AND ($2::text IS NULL OR r.entity = $2) AND ($3::text IS NULL OR r.reason = $3))\n"
    "    ORDER BY d.id DESC LIMIT $4::bigint),\n"
    "told AS (\n"
    "    SELECT b.delivery, r.entity, r.reason, r.field, pg_catalog.count(*) AS n\n"
    "    FROM d JOIN raw.batch b ON b.delivery = d.id JOIN raw.reject r ON r.batch = b.id\n"
    "    WHERE $3::text IS NULL OR r.reason = $3\n"
    "    GROUP BY b.delivery, r.entity, r.reason, r.field)\n"
    "SELECT d.id AS delivery, d.source, d.name, c.entity, c.records, c.rejected,\n"
    "       pg_catalog.round(100.0 * c.rejected / c.records, 1) || ' %' AS share, c.parked, t.reasons, t.mostly\n"
    "FROM d\n"
    "CROSS JOIN LATERAL (\n"
    "    SELECT e.entity, pg_catalog.sum(b.n_records)::bigint AS records, pg_catalog.sum(e.rejected)::bigint AS "
    "rejected,\n"
    "           pg_catalog.sum(e.parked)::bigint AS parked\n"
    "    FROM raw.batch b JOIN raw.batch_entity e ON e.batch = b.id\n"
    "    WHERE b.delivery = d.id AND ($2::text IS NULL OR e.entity = $2) GROUP BY e.entity) c\n"
    "CROSS JOIN LATERAL (\n"
    "    SELECT pg_catalog.sum(t.n)::bigint AS reasons,\n"
    "           (pg_catalog.array_agg(pg_catalog.concat_ws(' ', t.field, t.reason) ORDER BY t.n DESC, t.field, "
    "t.reason))[1]\n"
    "    FROM told t WHERE t.delivery = d.id AND t.entity = c.entity) t (reasons, mostly)\n"
    "WHERE t.reasons > 0 ORDER BY d.id DESC, c.entity";
enum { DELIVERIES_COLUMNS = 10 };

/* People are shown no more at once. */
#define MOST_SHOWN "100"

static void print(struct buf *out)
{
    printf("%s", buf_str(out));
    buf_release(out);
}

/* What is said of rejects without going into one of them. */
static const struct summary {
    const char *doing, *sql;
    int columns; /* of the table; --json has all */
    bool is_cut; /* $4 says how many rows there may be */
    const char *below;
} summed = {"summing rejects up", list_sql, LIST_COLUMNS, false,
            "`oriel rejects show BATCH LINE` shows a record as it came."},
  one_by_one = {"listing rejects", records_sql, RECORDS_COLUMNS, true,
                "`oriel rejects show BATCH LINE` shows a record as it came."},
  by_delivery = {"summing rejects up per delivery", deliveries_sql, DELIVERIES_COLUMNS, true,
                 "share: of the records. reasons: of rejects, and of values that became null or default."};

static int list(PGconn *c, const struct summary *summary, const char *const filters[3], bool json)
{
    const char *const params[] = {filters[0], filters[1], filters[2], json ? NULL : MOST_SHOWN};
    PGresult *r = pg_query(c, summary->doing, summary->sql, summary->is_cut ? 4 : 3, params);
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
        table_print(&out, r, summary->columns);
        if (summary->is_cut && PQntuples(r) >= (int)strtol(MOST_SHOWN, NULL, 10))
            buf_puts(&out, "\nThese are the newest; --json has all.\n");
        buf_printf(&out, "\n%s\n", summary->below);
    }
    print(&out);
    PQclear(r);
    return EXIT_OK;
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

enum { ACTION_DELIVERIES, ACTION_RECORDS, ACTION_RETRY, ACTION_SHOW };
static const struct command_action actions[] = {
    [ACTION_DELIVERIES] = {"deliveries", "",
                           "per delivery: how many records were rejected, their share, and mostly why"},
    [ACTION_RECORDS] = {"records", "", "one by one, the newest first"},
    [ACTION_RETRY] = {"retry", "",
                      "clean them anew, after an entity file was mended: what is taken now is no reject any more"},
    [ACTION_SHOW] = {"show", "BATCH LINE",
                     "one record as it came, what was not taken marked in it, and all that was said of it"},
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

/* A name that is written wrongly must not look as if nothing was rejected. */
static int check_reason(const char *reason)
{
    for (size_t i = 0; reason && reason_names[i]; i++)
        if (strcmp(reason, reason_names[i]) == 0)
            return EXIT_OK;
    if (!reason)
        return EXIT_OK;
    return command_usage("rejects", "there is no reason \"%s\"; oriel-entity(5) lists them", reason);
}

static int check_names(PGconn *c, const char *const filters[2])
{
    static const char sql[] = "SELECT $1::text IS NULL OR EXISTS (SELECT FROM oriel.source WHERE name = $1),\n"
                              "       $2::text IS NULL OR EXISTS (SELECT FROM raw.batch_entity WHERE entity = $2)";
    PGresult *r = pg_query(c, "looking for a source and an entity file", sql, 2, filters);
    if (!r)
        return -1;
    bool source = *PQgetvalue(r, 0, 0) == 't', entity = *PQgetvalue(r, 0, 1) == 't';
    PQclear(r);
    if (!source)
        log_error("the worker has seen no source \"%s\"; `oriel status` lists them", filters[0]);
    if (!entity)
        log_error("nothing was cleaned by an entity file \"%s\"; `oriel status` lists them", filters[1]);
    return source && entity ? 0 : -1;
}

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
    if ((context->action == ACTION_SHOW && check_numbers(argv) != EXIT_OK) || check_reason(filters[2]) != EXIT_OK)
        return EXIT_USAGE;
    PGconn *c = command_connect(context);
    if (!c || check_names(c, filters) < 0) {
        PQfinish(c);
        return EXIT_FAILED;
    }
    int code = EXIT_FAILED;
    switch (context->action) {
    case ACTION_RETRY:
        code = retry(context, c, filters);
        break;
    case ACTION_SHOW:
        code = rejects_show(context, c, (const char *const[]){argv[0], argv[1]}, json);
        break;
    case ACTION_DELIVERIES:
        code = list(c, &by_delivery, filters, json);
        break;
    case ACTION_RECORDS:
        code = list(c, &one_by_one, filters, json);
        break;
    default:
        code = list(c, &summed, filters, json);
    }
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
    .details =
        "Without an action: by source, entity, field and reason, with an example each.\n"
        "show marks the values that were not taken: inverted on a terminal (unless NO_COLOR is set), else between "
        ">>> and <<<;\n"
        "where they stand is known by today's entity files.\n",
    .run = run,
};
