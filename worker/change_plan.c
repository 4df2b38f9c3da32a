#include "worker/change_plan.h"

#include "worker/change_apply.h"
#include "worker/change_fill.h"
#include "worker/reader_lease.h"

static int allow(const struct change_application *app, struct arena *a, const struct contract_set *lock,
                 const struct contract_difference *d)
{
    (void)app, (void)a, (void)lock, (void)d; /* look() prints them all, whatever they weigh */
    return 0;
}

static int print_locks(PGconn *c)
{
    PGresult *r = pg_query(c, "asking for the locks",
                           "SELECT n.nspname || '.' || k.relname, l.mode FROM pg_catalog.pg_locks l"
                           "  JOIN pg_catalog.pg_class k ON k.oid = l.relation"
                           "  JOIN pg_catalog.pg_namespace n ON n.oid = k.relnamespace"
                           " WHERE l.pid = pg_catalog.pg_backend_pid() AND n.nspname NOT IN ('pg_catalog', 'pg_toast')"
                           "   AND k.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY 1, 2",
                           0, NULL);
    if (!r)
        return -1;
    printf("locks:\n");
    for (int i = 0; i < PQntuples(r); i++)
        printf("  %-40s %s\n", PQgetvalue(r, i, 0), PQgetvalue(r, i, 1));
    PQclear(r);
    return 0;
}

static void print_readers_of(const struct reader_leases *leases, const char *view)
{
    for (size_t i = 0; i < leases->n; i++)
        if (strcmp(leases->list[i].view, view) == 0)
            printf("        read by %s (%s, pid %s)\n", leases->list[i].application, leases->list[i].address,
                   leases->list[i].pid);
}

static int print_readers(const struct change_application *app, struct arena *a, const char *view)
{
    struct reader_leases leases;
    if (reader_leases_read(&leases, a, app->c, view) < 0)
        return -1;
    print_readers_of(&leases, view);
    print_readers_of(app->context, view);
    return 0;
}

/* What comes behind expand. */
static int print_fill(const struct change_file *f, struct arena *a, PGconn *c)
{
    struct change_fill_file file;
    if (!f->sql)
        return 0;
    if (change_fill_parse(f, a, &file) < 0)
        return -1;
    if (!file.entities) {
        printf("fill:\n  rows by ranges of %s\n", file.key);
        return 0;
    }
    PGresult *r =
        pg_query(c, "counting what is kept", "SELECT COALESCE(pg_catalog.sum(n_records), 0) FROM raw.batch", 0, NULL);
    if (!r)
        return -1;
    printf("fill:\n  replays ");
    for (const char *const *name = file.entities; *name; name++)
        printf("%s%s", name > file.entities ? ", " : "", *name);
    printf(" from the %s records that are kept\n", PQgetvalue(r, 0, 0));
    PQclear(r);
    return 0;
}

static int look(const struct change_application *app, struct arena *a, const struct contract_differences *d)
{
    printf("%s\nstatements:\n%s", app->change->name, buf_str(app->statements));
    if (print_locks(app->c) < 0)
        return -1;
    printf("contracts:%s\n", d->n ? "" : " no difference");
    for (size_t i = 0; i < d->n; i++) {
        const struct contract_difference *k = &d->list[i];
        printf("  %-5s %s\n", contract_verdict_names[k->rule->verdict], contract_difference_text(a, k));
        bool last = i + 1 == d->n || strcmp(d->list[i + 1].view, k->view) != 0;
        if (last && print_readers(app, a, k->view) < 0)
            return -1;
    }
    return print_fill(&app->change->step[STEP_FILL], a, app->c);
}

int change_plan(const struct change *change, PGconn *c, const struct change_run *run)
{
    struct buf statements;
    struct arena a;
    struct reader_leases elsewhere;
    arena_init(&a);
    struct change_application app = {.c = c,
                                     .change = change,
                                     .step = STEP_EXPAND,
                                     .run = run,
                                     .judge = allow,
                                     .look = look,
                                     .statements = &statements,
                                     .dry = true,
                                     .probe = true,
                                     .context = &elsewhere};
    buf_init(&statements, 1 << 20);
    int result = reader_leases_read_standbys(&elsewhere, &a, c, run->standbys) < 0 ? -1 : change_apply(&app);
    buf_release(&statements);
    arena_release(&a);
    return result;
}
