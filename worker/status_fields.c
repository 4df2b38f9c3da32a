#include "worker/status_fields.h"

#include <string.h>

#include "worker/field_rename.h"

/* Rows of a source in the table. */
enum { MOST_SHOWN = 12 };

enum { SOURCE, FIELD, IS, SHARE, RECORDS, SINCE, PERHAPS, LAST_RECORDS, OF, FIRST_DELIVERY };

/* share: of the records of the source's last delivery. */
const char status_fields_sql[] =
    "SELECT f.source, f.place AS field, CASE WHEN f.asked THEN 'missing' ELSE 'unknown' END AS is,\n"
    "       CASE WHEN f.place = '' OR NOT l.records > 0 THEN NULL\n"
    "            WHEN n.last > 0 AND n.last * 100 < l.records THEN '<1 %'\n"
    "            ELSE n.last * 100 / l.records || ' %' END AS share,\n"
    "       f.records, pg_catalog.to_char(f.since AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS since, NULL::text AS perhaps,\n"
    "       n.last AS last_records, l.records AS last_delivery_records, f.first_delivery\n"
    "FROM (SELECT DISTINCT source FROM oriel.source_field) s\n"
    "CROSS JOIN LATERAL (\n"
    "    SELECT d.id, d.records FROM oriel.delivery d WHERE d.source = s.source AND d.records > 0\n"
    "    ORDER BY d.id DESC LIMIT 1) l\n"
    "JOIN oriel.source_field f ON f.source = s.source\n"
    "CROSS JOIN LATERAL (SELECT CASE WHEN f.last_delivery = l.id THEN f.last_records ELSE 0 END AS last) n\n"
    "ORDER BY f.source, n.last DESC, f.asked, f.place";

static long long integer(const PGresult *r, int row, int column)
{
    return strtoll(PQgetvalue(r, row, column), NULL, 10);
}

static void set(PGresult *r, int row, int column, const char *text)
{
    /* It fails only for lack of memory, and a table without that word is one still. */
    (void)!PQsetvalue(r, row, column, (char *)(uintptr_t)text, (int)strlen(text));
}

/* Rows first … end - 1 are one source's. */
static void tell_renamed(PGresult *r, int first, int end)
{
    struct field_deviation *list = mem_alloc((size_t)(end - first) * sizeof *list);
    for (int row = first; row < end; row++)
        list[row - first] =
            (struct field_deviation){PQgetvalue(r, row, FIELD), strcmp(PQgetvalue(r, row, IS), "missing") == 0,
                                     integer(r, row, LAST_RECORDS), integer(r, row, FIRST_DELIVERY)};
    for (int row = first; row < end; row++) {
        const char *now = field_renamed_to(&list[row - first], list, (size_t)(end - first), integer(r, row, OF));
        char text[512];
        snprintf(text, sizeof text, "renamed to %s?", now ? now : "");
        if (now)
            set(r, row, PERHAPS, text);
    }
    free(list);
}

/* A field that every record lacks is news, one that some lack is not. */
static bool is_news(const PGresult *r, int row)
{
    return strcmp(PQgetvalue(r, row, IS), "unknown") == 0 || !PQgetisnull(r, row, PERHAPS) ||
           integer(r, row, LAST_RECORDS) == integer(r, row, OF);
}

static void copy_row(PGresult *to, const PGresult *from, int row)
{
    int n = PQntuples(to);
    for (int column = 0; column < PQnfields(from); column++)
        if (!PQgetisnull(from, row, column))
            set(to, n, column, PQgetvalue(from, row, column));
        else
            (void)!PQsetvalue(to, n, column, NULL, 0);
    if (!*PQgetvalue(from, row, FIELD))
        set(to, n, FIELD, "(others)");
}

/* The rows of one source that people are shown. */
static void show(PGresult *to, const PGresult *r, int first, int end)
{
    int shown = 0, more = 0;
    for (int row = first; row < end; row++)
        if (is_news(r, row)) {
            if (shown++ < MOST_SHOWN)
                copy_row(to, r, row);
            else
                more++;
        }
    char text[64];
    snprintf(text, sizeof text, "(%d more: --json)", more);
    int n = PQntuples(to);
    if (!more)
        return;
    set(to, n, SOURCE, PQgetvalue(r, first, SOURCE));
    set(to, n, FIELD, text);
    for (int column = IS; column < PQnfields(r); column++)
        (void)!PQsetvalue(to, n, column, NULL, 0);
}

PGresult *status_fields_arrange(PGresult *r, bool all)
{
    PGresult *shown = PQcopyResult(r, PG_COPYRES_ATTRS);
    if (!shown)
        return r;
    for (int first = 0, end; first < PQntuples(r); first = end) {
        for (end = first + 1; end < PQntuples(r); end++)
            if (strcmp(PQgetvalue(r, end, SOURCE), PQgetvalue(r, first, SOURCE)) != 0)
                break;
        tell_renamed(r, first, end);
        show(shown, r, first, end);
    }
    PQclear(all ? shown : r);
    return all ? r : shown;
}
