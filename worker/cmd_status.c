/*
 * oriel status [--json]: each source, what it delivered, what became of it, and why things were rejected.
 */
#include "worker/command.h"
#include "worker/table.h"

enum { LARGEST_OUTPUT = 64 << 20 };

enum { OPTION_JSON };
static const struct command_option options[] = {
    [OPTION_JSON] = {"json", NULL, "for programs", NULL},
    {NULL, NULL, NULL, NULL},
};

/* The message stands below the table, since it is longer than a column. */
static const char sources_sql[] =
    "SELECT s.name AS source, s.state,\n"
    "       pg_catalog.to_char(s.batch_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS last_batch,\n"
    "       d.done AS files_done, d.open AS files_open, s.records, COALESCE(c.rows, 0) AS rows,\n"
    "       COALESCE(c.rejected, 0) AS rejected, COALESCE(c.parked, 0) AS parked, s.message,\n"
    "       pg_catalog.to_char(s.looked_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS looked_at\n"
    "FROM oriel.source s\n"
    "CROSS JOIN LATERAL (\n"
    "    SELECT pg_catalog.count(finished_at) AS done, pg_catalog.count(*) - pg_catalog.count(finished_at) AS open\n"
    "    FROM oriel.delivery WHERE source = s.name) d\n"
    "LEFT JOIN (\n"
    "    SELECT b.source, pg_catalog.sum(e.inserted + e.updated + e.unchanged)::bigint AS rows,\n"
    "           pg_catalog.sum(e.rejected)::bigint AS rejected, pg_catalog.sum(e.parked)::bigint AS parked\n"
    "    FROM raw.batch b JOIN raw.batch_entity e ON e.batch = b.id GROUP BY b.source) c ON c.source = s.name\n"
    "ORDER BY s.name";
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

static const struct part {
    const char *name, *title, *doing, *sql;
    int columns; /* so many go into the table */
    int message; /* column of a message for people; -1: there is none */
} parts[] = {
    {"sources", NULL, "reading the state of sources", sources_sql, 9, 9},
    {"entities", "What became of the records, per entity file", "summing batches up", entities_sql, 7, -1},
    {"rejects", "Why values were not taken (`oriel rejects` shows more)", "summing rejects up", reasons_sql, 5, -1},
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

static int print_status(PGconn *c, bool json)
{
    struct buf out;
    int code = EXIT_OK;
    buf_init(&out, LARGEST_OUTPUT);
    for (const struct part *part = parts; code == EXIT_OK && part < parts + ARRAY_SIZE(parts); part++) {
        PGresult *r = pg_query(c, part->doing, part->sql, 0, NULL);
        if (r)
            put_part(&out, part, r, json);
        else
            code = EXIT_FAILED;
        PQclear(r);
    }
    if (code == EXIT_OK)
        printf("%s%s", buf_str(&out), json ? "}\n" : "");
    buf_release(&out);
    return code;
}

static int run(struct command_context *context, int argc, char **argv)
{
    (void)argc, (void)argv;
    PGconn *c = command_connect(context);
    int code = c ? print_status(c, context->options[OPTION_JSON] != NULL) : EXIT_FAILED;
    PQfinish(c);
    return code;
}

const struct command command_status = {
    .name = "status",
    .arguments = "",
    .summary = "each source: what it delivered and what became of it",
    .options = options,
    .run = run,
};
