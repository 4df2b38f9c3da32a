#include "worker/contract_probe.h"

#include "lib/log.h"
#include "lib/pg.h"
#include "lib/settings.h"
#include "worker/progress.h"
#include "worker/quote.h"

enum { EXAMPLES = 3 };

/* before a after, before b after, … with what stands between them */
static const char *join(struct arena *a, const char *const *names, const char *before, const char *after,
                        const char *between)
{
    const char *text = "";
    for (size_t i = 0; names[i]; i++)
        text = arena_printf(a, "%s%s%s%s%s", text, i ? between : "", before, quote_name(a, names[i]), after);
    return text;
}

/* Back to before the probe. Its timeout counts for the first statement here too, which on a busy machine may be broken
 * off by it; then it is said again. */
static int take_back(PGconn *c, const char *doing)
{
    enum { MOST_TRIES = 100 };
    for (int tries = 1;; tries++) {
        PGresult *r = PQexec(c, "ROLLBACK TO SAVEPOINT probe");
        bool good = PQresultStatus(r) == PGRES_COMMAND_OK;
        bool again = strcmp(pg_sqlstate(r), "57014") == 0 && tries < MOST_TRIES;
        if (!good && !again)
            pg_tell_failure(c, r, doing);
        PQclear(r);
        if (good)
            return pg_run(c, doing, "RELEASE SAVEPOINT probe", 0, NULL);
        if (!again)
            return -1;
    }
}

/* The result of one probe; NULL, and *outcome set, when there is none. A probe that is broken off leaves no trace. */
static PGresult *ask(struct contract_probe *p, const char *sql, enum contract_probe_outcome *outcome)
{
    static const char doing[] = "holding the contracts against the data";
    char begin[128];
    if (p->budget == 0) {
        *outcome = PROBE_LATE;
        return NULL;
    }
    /* Parallel workers take longer to be called off than a short probe may run. */
    snprintf(begin, sizeof begin, "SAVEPOINT probe; SET LOCAL statement_timeout = %lld%s",
             p->budget < 0 ? 0 : p->budget, p->budget < 0 ? "" : "; SET LOCAL max_parallel_workers_per_gather = 0");
    if (pg_run(p->c, doing, begin, 0, NULL) < 0) {
        *outcome = PROBE_FAILED;
        return NULL;
    }
    double began = progress_clock();
    PGresult *r = PQexec(p->c, sql);
    long long took = (long long)((progress_clock() - began) * 1000);
    bool good = PQresultStatus(r) == PGRES_TUPLES_OK;
    bool late = strcmp(pg_sqlstate(r), "57014") == 0 || strcmp(pg_sqlstate(r), "55P03") == 0;
    if (p->budget > 0)
        p->budget = !late && took < p->budget ? p->budget - took : 0;
    if (!good && !late)
        pg_tell_failure(p->c, r, doing);
    *outcome = good ? PROBE_HOLDS : late ? PROBE_LATE : PROBE_FAILED;
    if (take_back(p->c, doing) < 0)
        *outcome = PROBE_FAILED;
    if (*outcome == PROBE_HOLDS)
        return r;
    PQclear(r);
    return NULL;
}

/* Asks for rows: how many there are, then columns that tell which. *found gets "2 rows are null; the first: id=1,
 * id=2", or NULL when there is none. */
static enum contract_probe_outcome look_for(struct contract_probe *p, const char *what, const char *sql,
                                            const char **found)
{
    enum contract_probe_outcome outcome;
    PGresult *r = ask(p, arena_printf(p->arena, "%s LIMIT %d", sql, EXAMPLES), &outcome);
    const char *examples = "";
    for (int i = 0; i < PQntuples(r); i++)
        for (int k = 1; k < PQnfields(r); k++)
            examples = arena_printf(p->arena, "%s%s%s=%s", examples,
                                    k > 1 ? " "
                                    : i   ? ", "
                                          : "",
                                    PQfname(r, k), PQgetisnull(r, i, k) ? "null" : PQgetvalue(r, i, k));
    *found = PQntuples(r) > 0 ? arena_printf(p->arena, "%s %s%s%s", PQgetvalue(r, 0, 0), what,
                                             *examples ? "; the first: " : "", examples)
                              : NULL;
    PQclear(r);
    return outcome;
}

/* Asks for the rows that go against a declaration. */
static enum contract_probe_outcome expect_none(struct contract_probe *p, const char *declared, const char *what,
                                               const char *sql)
{
    const char *found;
    enum contract_probe_outcome outcome = look_for(p, what, sql, &found);
    if (!found)
        return outcome;
    log_error("%s does not hold: %s. What to do: mend the data, or do not promise it", declared, found);
    return PROBE_BROKEN;
}

static enum contract_probe_outcome worse(enum contract_probe_outcome a, enum contract_probe_outcome b)
{
    return a > b ? a : b;
}

/* All columns in one reading; only where there is a null are its rows looked for. */
static enum contract_probe_outcome probe_not_null(struct contract_probe *p, const struct contract *k, const char *view)
{
    struct arena *a = p->arena;
    const char **columns = arena_array(a, k->n_columns + 1, sizeof *columns);
    size_t n = 0;
    for (size_t i = 0; i < k->n_columns; i++)
        if (k->columns[i].not_null)
            columns[n++] = k->columns[i].name;
    if (!n)
        return PROBE_HOLDS;
    enum contract_probe_outcome outcome;
    PGresult *r =
        ask(p, arena_printf(a, "SELECT %s FROM %s", join(a, columns, "pg_catalog.bool_or(", " IS NULL)", ", "), view),
            &outcome);
    const char *key = *k->key ? arena_printf(a, ", %s", join(a, k->key, "", "", ", ")) : "";
    for (size_t i = 0; r && i < n; i++)
        if (PQgetvalue(r, 0, (int)i)[0] == 't')
            outcome = worse(outcome,
                            expect_none(p, arena_printf(a, "%s.%s: @notNull", view, columns[i]), "rows are null",
                                        arena_printf(a, "SELECT pg_catalog.count(*) OVER ()%s FROM %s WHERE %s IS NULL",
                                                     key, view, quote_name(a, columns[i]))));
    PQclear(r);
    return outcome;
}

/* A null in a key tells rows apart from none; in another list it counts as a value of its own, as in Postgres. */
static enum contract_probe_outcome probe_unique(struct contract_probe *p, const char *view, const char *tag,
                                                const char *const *columns, bool is_key)
{
    struct arena *a = p->arena;
    const char *list = join(a, columns, "", "", ", "),
               *having = is_key ? join(a, columns, "", " IS NULL", " OR ") : "false",
               *where = is_key ? "true" : join(a, columns, "", " IS NOT NULL", " AND ");
    return expect_none(p, arena_printf(a, "%s: %s %s", view, tag, list),
                       is_key ? "keys are null or stand more than once" : "values stand more than once",
                       arena_printf(a,
                                    "SELECT pg_catalog.count(*) OVER (), %s FROM %s WHERE %s GROUP BY %s"
                                    " HAVING pg_catalog.count(*) > 1 OR %s",
                                    list, view, where, list, having));
}

/* What leads nowhere is told where references are looked at, and what cannot be read where contracts are. */
static bool can_be_followed(const struct contract *target, const struct contract_foreign_key *fk)
{
    if (!target || target->problem || !target->owner_can_read)
        return false;
    for (size_t i = 0; fk->target_columns[i]; i++)
        if (!contract_find_column(target, fk->target_columns[i]))
            return false;
    return true;
}

/* That a reference leads to nothing is no breach: a view may hide rows that others refer to (those that a delivery has
 * left out, those of another client), and an embed is null then. It is told, since it may be a mistake in the data. */
static enum contract_probe_outcome probe_foreign_key(struct contract_probe *p, const struct contract *k,
                                                     const char *view, const struct contract_foreign_key *fk)
{
    struct arena *a = p->arena;
    const char *on = "";
    if (!can_be_followed(contract_find_view(p->set, fk->target), fk))
        return PROBE_HOLDS;
    for (size_t i = 0; fk->columns[i]; i++)
        on = arena_printf(a, "%s%st.%s = o.%s", on, i ? " AND " : "", quote_name(a, fk->target_columns[i]),
                          quote_name(a, fk->columns[i]));
    const char *key = *k->key ? arena_printf(a, "%s, ", join(a, k->key, "o.", "", ", ")) : "";
    const char *found;
    enum contract_probe_outcome outcome =
        look_for(p, arena_printf(a, "rows refer to what %s does not show", fk->target),
                 arena_printf(a,
                              "SELECT pg_catalog.count(*) OVER (), %s%s FROM %s o WHERE %s"
                              " AND NOT EXISTS (SELECT FROM " SCHEMA_API ".%s t WHERE %s)",
                              key, join(a, fk->columns, "o.", "", ", "), view,
                              join(a, fk->columns, "o.", " IS NOT NULL", " AND "), quote_name(a, fk->target), on),
                 &found);
    if (found)
        log_warn("%s: @foreignKey (%s): %s. Embeds of these rows are null. What to do: nothing, if %s hides what they "
                 "refer to on purpose; else mend the data",
                 view, join(a, fk->columns, "", "", ", "), found, fk->target);
    return outcome;
}

enum contract_probe_outcome contract_probe(struct contract_probe *p, const struct contract *k)
{
    const char *view = arena_printf(p->arena, SCHEMA_API ".%s", quote_name(p->arena, k->view));
    if (k->problem || !k->owner_can_read || k->security_invoker)
        return PROBE_HOLDS;
    enum contract_probe_outcome outcome = probe_not_null(p, k, view);
    if (*k->key && outcome != PROBE_FAILED)
        outcome = worse(outcome, probe_unique(p, view, "@primaryKey", k->key, true));
    for (size_t i = 0; i < k->n_uniques && outcome != PROBE_FAILED; i++)
        outcome = worse(outcome, probe_unique(p, view, "@unique", k->uniques[i], false));
    for (size_t i = 0; i < k->n_foreign_keys && outcome != PROBE_FAILED; i++)
        outcome = worse(outcome, probe_foreign_key(p, k, view, &k->foreign_keys[i]));
    return outcome;
}
