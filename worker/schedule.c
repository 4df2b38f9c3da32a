#include "worker/schedule.h"

#include "worker/date_form.h"

static const char due_sql[] =
    "SELECT GREATEST(0, CASE\n"
    "    WHEN s.asked > s.answered OR s.pulled_at IS NULL THEN 0\n"
    "    WHEN $2::bigint > 0 THEN\n"
    "        1000 * EXTRACT(EPOCH FROM s.pulled_at - pg_catalog.clock_timestamp()) + $2::bigint\n"
    "    ELSE 1000 * EXTRACT(EPOCH FROM (\n"
    "        SELECT pg_catalog.min(t.due) FROM (\n"
    "            SELECT (d.day::date + a.at) AT TIME ZONE $4 AS due\n"
    "            FROM pg_catalog.generate_series((s.pulled_at AT TIME ZONE $4)::date::timestamp,\n"
    "                     (pg_catalog.clock_timestamp() AT TIME ZONE $4)::date + interval '2 days', '1 day') AS d "
    "(day)\n"
    "            CROSS JOIN pg_catalog.unnest($3::time[]) AS a (at)) t\n"
    "        WHERE t.due > s.pulled_at) - pg_catalog.clock_timestamp())\n"
    "    END)::bigint, s.asked, s.answered\n"
    "FROM oriel.source s WHERE s.name = $1";
static const char done_sql[] =
    "UPDATE oriel.source SET state = 'ready', message = $3, looked_at = pg_catalog.clock_timestamp(),\n"
    "       pulled_at = pg_catalog.clock_timestamp(), answered = GREATEST(answered, $2::bigint)\n"
    "WHERE name = $1";
static const char failed_sql[] = "UPDATE oriel.source SET answered = GREATEST(answered, $2::bigint) WHERE name = $1";

/* "06:30" */
static bool is_time_of_day(const char *s)
{
    if (strlen(s) != 5 || s[2] != ':' || strspn(s, "0123456789") != 2 || strspn(s + 3, "0123456789") != 2)
        return false;
    return (s[0] - '0') * 10 + s[1] - '0' < 24 && s[3] < '6';
}

void schedule_load(struct schedule *s, const struct cfg *root)
{
    const struct cfg *every = cfg_get(root, "every"), *at = cfg_get(root, "at"), *zone = cfg_get(root, "zone");
    *s = (struct schedule){.zone = cfg_string(root, "zone", "UTC")};
    s->at = cfg_strings(root, "at", &s->n_at);
    if (every->present || !at->present)
        s->every_ms = cfg_duration_ms(root, "every", "15min");
    if (every->present && at->present)
        cfg_error(every, "either \"every\" or \"at\", not both");
    else if (every->present && s->every_ms < 10)
        cfg_error(every, "must be at least 10ms");
    if (at->present && !s->n_at)
        cfg_error(at, "must name at least one time of day, such as \"06:30\"");
    for (size_t i = 0; i < s->n_at; i++)
        if (!is_time_of_day(s->at[i]))
            cfg_error(cfg_at(at, i), "a time of day was expected, from \"00:00\" to \"23:59\"");
    if (zone->present && !at->present)
        cfg_error(zone, "means nothing without \"at\"");
    if (!date_zone_exists(s->zone))
        cfg_error(zone, "no zone \"%s\"; names of the tz database are known, such as \"Europe/Berlin\"", s->zone);
}

int schedule_due(const struct schedule *schedule, struct session *s, const char *source, struct schedule_due *out)
{
    struct arena a;
    arena_init(&a);
    const char *const params[] = {source, arena_printf(&a, "%lld", schedule->every_ms),
                                  session_array(&a, schedule->at, schedule->n_at), schedule->zone};
    PGresult *r = session_query(s, "asking when a source is due", due_sql, 4, params);
    if (r && PQntuples(r))
        *out = (struct schedule_due){session_integer(r, 0, 0), session_integer(r, 0, 1), session_integer(r, 0, 2)};
    else
        *out = (struct schedule_due){0};
    PQclear(r);
    arena_release(&a);
    return r ? 0 : -1;
}

int schedule_done(struct session *s, const char *source, long long answered, const char *remark)
{
    char number[32];
    snprintf(number, sizeof number, "%lld", answered);
    return session_run(s, "noting that a source was pulled", done_sql, 3, (const char *[]){source, number, remark});
}

int schedule_failed(struct session *s, const char *source, long long answered)
{
    char number[32];
    snprintf(number, sizeof number, "%lld", answered);
    return session_run(s, "noting that a pull failed", failed_sql, 2, (const char *[]){source, number});
}
