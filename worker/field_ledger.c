#include "worker/field_ledger.h"

static const char doing[] = "counting unknown and missing fields";

/* So many are named in one line of the log; `oriel status` has all. */
enum { MOST_NAMED = 10 };

/* $6: how many unknown fields of a source are told apart; those that come later are counted together. */
static const char add_sql[] =
    "WITH came AS (\n"
    "    SELECT c.place, c.asked, c.n, c.asked OR c.place = '' OR f.place IS NOT NULL AS known, c.number\n"
    "    FROM ROWS FROM (pg_catalog.unnest($3::text[]), pg_catalog.unnest($4::boolean[]),\n"
    "                    pg_catalog.unnest($5::bigint[])) WITH ORDINALITY c (place, asked, n, number)\n"
    "    LEFT JOIN oriel.source_field f ON f.source = $1 AND f.place = c.place AND f.asked = c.asked),\n"
    "told AS (\n"
    "    SELECT CASE WHEN c.known OR pg_catalog.row_number() OVER (PARTITION BY c.known ORDER BY c.number)\n"
    "                + (SELECT pg_catalog.count(*) FROM oriel.source_field f\n"
    "                   WHERE f.source = $1 AND NOT f.asked AND f.place <> '') <= $6::bigint\n"
    "                THEN c.place ELSE '' END AS place, c.asked, c.n, c.number\n"
    "    FROM came c)\n"
    "INSERT INTO oriel.source_field AS f (source, place, asked, records, first_delivery, last_delivery, last_records)\n"
    "SELECT $1, t.place, t.asked, pg_catalog.sum(t.n), $2::bigint, $2::bigint, pg_catalog.sum(t.n)\n"
    "FROM told t GROUP BY t.place, t.asked ORDER BY pg_catalog.min(t.number)\n"
    "ON CONFLICT (source, place, asked) DO UPDATE SET\n"
    "    records = f.records + EXCLUDED.records, last_delivery = EXCLUDED.last_delivery,\n"
    "    last_records = EXCLUDED.last_records\n"
    "                   + CASE WHEN f.last_delivery = EXCLUDED.last_delivery THEN f.last_records ELSE 0 END\n"
    "RETURNING place, NOT asked AND place <> '' AND xmax = 0";

static const char *list_news(const PGresult *r, struct arena *a)
{
    struct buf b;
    int n = 0;
    buf_init(&b, 1 << 20);
    for (int row = 0; row < PQntuples(r); row++)
        if (*PQgetvalue(r, row, 1) == 't' && n++ < MOST_NAMED)
            buf_printf(&b, "%s%s", n > 1 ? ", " : "", PQgetvalue(r, row, 0));
    if (n > MOST_NAMED)
        buf_printf(&b, " and %d more", n - MOST_NAMED);
    const char *list = n ? arena_strdup(a, buf_str(&b)) : NULL;
    buf_release(&b);
    return list;
}

int field_ledger_add(struct field_count *f, struct session *s, struct arena *a, const char *source, long long delivery,
                     const char **news)
{
    size_t n;
    const struct field_deviation *list = field_count_list(f, a, &n);
    *news = NULL;
    if (!n)
        return 0;
    const char **places = arena_array(a, n, sizeof *places), **asked = arena_array(a, n, sizeof *asked),
               **counts = arena_array(a, n, sizeof *counts);
    for (size_t i = 0; i < n; i++) {
        places[i] = list[i].place;
        asked[i] = list[i].asked ? "true" : "false";
        counts[i] = arena_printf(a, "%lld", list[i].n);
    }
    const char *const params[] = {source,
                                  arena_printf(a, "%lld", delivery),
                                  session_array(a, places, n),
                                  session_array(a, asked, n),
                                  session_array(a, counts, n),
                                  arena_printf(a, "%d", MOST_SOURCE_FIELDS)};
    PGresult *r = session_query(s, doing, add_sql, ARRAY_SIZE(params), params);
    if (!r)
        return -1;
    *news = list_news(r, a);
    PQclear(r);
    return 0;
}
