#include "worker/rejects_show.h"

#include <unistd.h>

#include "lib/log.h"
#include "worker/kept.h"
#include "worker/mark.h"
#include "worker/table.h"

enum { LARGEST_OUTPUT = 64 << 20 };

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

static const char batch_sql[] = "SELECT " KEPT_COLUMNS " FROM raw.batch b WHERE b.id = $1::bigint";

/* A record and what was said of it. */
struct shown {
    const PGresult *record, *reasons, *waits;
    struct arena arena;
    const char *text;           /* empty: it is kept no more */
    struct entity_set entities; /* today's; empty when they cannot be read */
    struct kept kept;
    struct marks marks;
    struct buf absent; /* for people: which places are not there */
    bool terminal;
};

/* ---- marks ---- */

/* Marks the value of a field; says where it would stand when a value was asked for and is not there. */
static void mark_field(struct shown *s, const char *file, const char *name, bool missing)
{
    const struct entity *e = entity_find(&s->entities, file);
    const struct field *f = e ? entity_find_field(e, name) : NULL;
    bool found = false;
    for (const char *const *from = f ? f->from : NULL; from && *from; from++) {
        struct span span;
        if (!locate_value(&s->kept.format, s->kept.header, s->text, strlen(s->text), *from, &s->arena, &span))
            continue;
        found = true;
        marks_add(&s->marks, &s->arena, span);
    }
    if (f && f->from[0] && !found && missing)
        buf_printf(&s->absent, "%s.%s: there is no %s in this record\n", file, name, f->from[0]);
}

/* What is said of a whole record may quote it. */
static void mark_quote(struct shown *s, const char *value)
{
    const char *at = *value ? strstr(s->text, value) : NULL;
    if (at)
        marks_add(&s->marks, &s->arena, (struct span){(size_t)(at - s->text), strlen(value)});
}

static void mark(struct shown *s)
{
    for (int row = 0; row < PQntuples(s->reasons); row++)
        if (!PQgetisnull(s->reasons, row, 1))
            mark_field(s, PQgetvalue(s->reasons, row, 0), PQgetvalue(s->reasons, row, 1),
                       strcmp(PQgetvalue(s->reasons, row, 2), "missing") == 0);
        else
            mark_quote(s, PQgetvalue(s->reasons, row, 5));
    for (int row = 0; row < PQntuples(s->waits); row++)
        mark_field(s, PQgetvalue(s->waits, row, 0), PQgetvalue(s->waits, row, 1), false);
}

/* Where the fields stand in the record is known by today's entity files and the batch's own format. Without them the
 * record is shown all the same. */
static void read_and_mark(struct shown *s, PGconn *c, const char *entities, const char *batch)
{
    struct session session = {.c = c};
    PGresult *r = pg_query(c, "reading a batch", batch_sql, 1, &batch);
    if (r && PQntuples(r) && kept_read(&s->kept, &s->arena, &session, r, 0, NULL) == 0 &&
        entity_load_all(&s->entities, &s->arena, entities) == 0)
        mark(s);
    PQclear(r);
}

/* ---- printing ---- */

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

static void put_record(struct buf *out, struct shown *s)
{
    const PGresult *record = s->record;
    table_put_text(out, PQgetvalue(record, 0, PQgetisnull(record, 0, 2) ? 0 : 2), false);
    buf_printf(out, ", record %s (client ", PQgetvalue(record, 0, 3));
    table_put_text(out, PQgetvalue(record, 0, 1), false);
    buf_printf(out, ", batch %s, line %s, received %s)\n\n", PQgetvalue(record, 0, 4), PQgetvalue(record, 0, 5),
               PQgetvalue(record, 0, 6));
    if (PQgetisnull(record, 0, 8))
        marks_put(&s->marks, &s->arena, out, s->text, s->terminal);
    else
        buf_printf(
            out, "(Its raw was pruned at %s by %s: what it said is not known any more, and it cannot be tried again.)",
            PQgetvalue(record, 0, 8), PQgetvalue(record, 0, 9));
    buf_puts(out, "\n");
    const PGresult *tables[] = {s->reasons, s->waits};
    for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
        if (PQntuples(tables[i])) {
            buf_putc(out, '\n');
            table_print(out, tables[i], i ? PQnfields(tables[i]) : PQnfields(tables[i]) - 1);
        }
    put_messages(out, s->reasons);
    if (s->absent.len)
        buf_putc(out, '\n');
    table_put_text(out, buf_str(&s->absent), true);
    if (!PQntuples(s->reasons) && !PQntuples(s->waits))
        buf_puts(out, "\nNothing was said of it: it was taken.\n");
}

static void put_record_json(struct buf *out, struct shown *s)
{
    static const char *const names[] = {"{\"record\": ", ",\n\"reasons\": ", ",\n\"waits\": "};
    const PGresult *results[] = {s->record, s->reasons, s->waits};
    for (size_t i = 0; i < ARRAY_SIZE(results); i++) {
        buf_puts(out, names[i]);
        table_print_json(out, results[i]);
    }
    buf_puts(out, ",\n\"marks\": [");
    for (size_t i = 0; i < s->marks.n; i++)
        buf_printf(out, "%s{\"at\": %zu, \"bytes\": %zu}", i ? ", " : "", s->marks.list[i].at, s->marks.list[i].len);
    buf_puts(out, "]}\n");
}

static void print(struct shown *s, bool json)
{
    struct buf out;
    buf_init(&out, LARGEST_OUTPUT);
    (json ? put_record_json : put_record)(&out, s);
    printf("%s", buf_str(&out));
    buf_release(&out);
}

int rejects_show(struct command_context *context, PGconn *c, const char *const at[2], bool json)
{
    static const char doing[] = "reading a record";
    PGresult *record = pg_query(c, doing, record_sql, 2, at);
    PGresult *reasons = record ? pg_query(c, doing, reasons_sql, 2, at) : NULL;
    PGresult *waits = reasons ? pg_query(c, doing, waits_sql, 2, at) : NULL;
    int code = EXIT_FAILED;
    if (waits && !PQntuples(record))
        log_error("there is no record %s in batch %s", at[1], at[0]);
    else if (waits) {
        struct shown s = {.record = record, .reasons = reasons, .waits = waits, .text = PQgetvalue(record, 0, 7)};
        s.terminal = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
        arena_init(&s.arena);
        buf_init(&s.absent, 1 << 20);
        if (*s.text) /* it is still kept */
            read_and_mark(&s, c, context->settings.entities, at[0]);
        print(&s, json);
        buf_release(&s.absent);
        arena_release(&s.arena);
        code = EXIT_OK;
    }
    PQclear(record);
    PQclear(reasons);
    PQclear(waits);
    return code;
}
