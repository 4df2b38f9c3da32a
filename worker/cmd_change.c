/*
 * oriel change: the phases of a change, and what has been done of each.
 */
#include <getopt.h>

#include "lib/log.h"
#include "lib/text.h"
#include "worker/change_apply.h"
#include "worker/change_fill.h"
#include "worker/change_plan.h"
#include "worker/change_prove.h"
#include "worker/change_removal.h"
#include "worker/command.h"

struct asking {
    struct command_context *context;
    struct change_list changes;
    const struct change *change; /* the one that was named; NULL when none was */
    PGconn *c;
    const char *lock_path;
    long long seconds, rows_per_second; /* --for, --rate */
};

static int expand_one(const struct asking *q, const struct change *change)
{
    struct change_application app = {
        .c = q->c, .change = change, .step = STEP_EXPAND, .lock_path = q->lock_path, .judge = change_judge_additive};
    if (change_apply(&app) < 0)
        return -1;
    printf("expanded %s\n", change->name);
    return 0;
}

/* All that are not expanded, in order; up to the named one, when one is named. */
static int action_expand(const struct asking *q)
{
    int applied = 0;
    for (size_t i = 0; i < q->changes.n; i++) {
        const struct change *change = &q->changes.list[i];
        if (!change->step[STEP_EXPAND].applied_at) {
            if (expand_one(q, change) < 0)
                return -1;
            applied++;
        }
        if (change == q->change)
            break;
    }
    if (!applied)
        printf("all %zu changes were expanded already\n", q->changes.n);
    return 0;
}

static int action_plan(const struct asking *q)
{
    for (size_t i = 0; i < q->changes.n; i++) {
        const struct change *change = &q->changes.list[i];
        /* the next one only: a later one may stand on what this one makes */
        if (q->change ? change == q->change : !change->step[STEP_EXPAND].applied_at)
            return change_plan(change, q->c, q->lock_path);
    }
    printf("all %zu changes are expanded\n", q->changes.n);
    return 0;
}

static int action_fill(const struct asking *q)
{
    struct fill_options options = {.rows_per_second = q->rows_per_second};
    const struct change_file *f = &q->change->step[STEP_FILL];
    if (!f->sql) {
        log_error("%s does not exist, so there is nothing to fill", f->path);
        return -1;
    }
    if (!q->change->step[STEP_EXPAND].applied_at) {
        log_error("%s: expand it first: `oriel change expand %s`", q->change->name, q->change->name);
        return -1;
    }
    return change_fill(q->change, q->c, &q->context->arena, &options);
}

static int action_prove(const struct asking *q)
{
    if (q->change->step[STEP_FILL].sql && !q->change->step[STEP_FILL].applied_at) {
        log_error("%s: fill it first: `oriel change fill %s`", q->change->name, q->change->name);
        return -1;
    }
    return change_prove(q->change, q->c, &q->context->arena);
}

static int action_brownout(const struct asking *q)
{
    return change_brownout(q->change, q->c, &q->context->arena, q->lock_path, q->seconds);
}

static int action_contract(const struct asking *q)
{
    const char *path = q->context->settings.rollback;
    struct contract_set rollback;
    if (path && contract_lock_load(&rollback, &q->context->arena, path) < 0)
        return -1;
    return change_contract(q->change, q->c, &q->context->arena, q->lock_path, path ? &rollback : NULL);
}

static int action_revert(const struct asking *q)
{
    return change_revert(q->change, q->c, q->lock_path);
}

static int action_status(const struct asking *q)
{
    for (size_t i = 0; i < q->changes.n; i++) {
        const struct change *change = &q->changes.list[i];
        bool any = false;
        printf("%s\n", change->name);
        for (int step = 0; step < STEP_REVERT; step++) {
            const struct change_file *f = &change->step[step];
            if (f->applied_at || f->sql)
                printf("  %-9s %s\n", change_step_names[step], f->applied_at ? f->applied_at : "not done");
            any = any || f->applied_at;
        }
        if (!any)
            printf("  nothing of it is applied\n");
    }
    return 0;
}

static const struct action {
    const char *name;
    int (*run)(const struct asking *q);
    bool needs_name, reads_only;
} actions[] = {
    {"brownout", action_brownout, true, false}, {"contract", action_contract, true, false},
    {"expand", action_expand, false, false},    {"fill", action_fill, true, false},
    {"plan", action_plan, false, false},        {"prove", action_prove, true, false},
    {"revert", action_revert, true, false},     {"status", action_status, false, true},
};

static const struct action *find_action(const char *name)
{
    const char *names[ARRAY_SIZE(actions) + 1] = {NULL};
    for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
        names[i] = actions[i].name;
        if (strcmp(name, names[i]) == 0)
            return &actions[i];
    }
    const char *near = text_nearest(name, names);
    command_usage("change", "plan, expand, fill, prove, brownout, contract, revert or status was expected%s%s%s",
                  near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    return NULL;
}

static int find_change(struct asking *q, const char *name)
{
    const char **names = arena_array(&q->context->arena, q->changes.n + 1, sizeof *names);
    for (size_t i = 0; i < q->changes.n; i++) {
        names[i] = q->changes.list[i].name;
        if (strcmp(names[i], name) == 0)
            q->change = &q->changes.list[i];
    }
    if (q->change)
        return 0;
    const char *near = text_nearest(name, names);
    command_usage("change", "no change \"%s\"%s%s%s", name, near ? "; did you mean \"" : "", near ? near : "",
                  near ? "\"?" : "");
    return -1;
}

static int take_turn(PGconn *c)
{
    PGresult *r = pg_query(c, "taking the runners' lock",
                           "SELECT pg_catalog.pg_try_advisory_lock(pg_catalog.hashtext('oriel change'))", 0, NULL);
    if (!r)
        return -1;
    bool mine = PQgetvalue(r, 0, 0)[0] == 't';
    PQclear(r);
    if (!mine)
        log_error("another `oriel change` is at work in this database; run this one again when it has ended");
    return mine ? 0 : -1;
}

static int read_options(struct asking *q, int argc, char **argv)
{
    static const struct option options[] = {
        {"for", required_argument, NULL, 'f'}, {"rate", required_argument, NULL, 'r'}, {0}};
    q->seconds = 30;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        long long ms = o == 'f' ? text_duration_ms(optarg) : 0;
        if (o == 'f' && ms >= 1000)
            q->seconds = ms / 1000;
        else if (o == 'f' || o != 'r' || text_integer(optarg, 1, INT64_MAX, &q->rows_per_second) < 0)
            return command_usage("change", "--for takes a duration such as 30s, --rate a number of rows a second"), -1;
    }
    return 0;
}

int cmd_change(struct command_context *context, int argc, char **argv)
{
    struct asking q = {.context = context, .lock_path = context->settings.lock};
    if (read_options(&q, argc, argv) < 0)
        return EXIT_USAGE;
    const struct action *action = find_action(optind < argc ? argv[optind] : "");
    if (!action || change_load(&q.changes, &context->arena, context->settings.changes) < 0)
        return EXIT_USAGE;
    if (optind + 1 < argc && find_change(&q, argv[optind + 1]) < 0)
        return EXIT_USAGE;
    if (optind + 2 < argc || (action->needs_name && !q.change))
        return command_usage("change", "%s wants the name of one change", action->name);
    q.c = command_connect(context);
    /* the turn is taken before any state is read: what another runner is just writing must not be missed */
    bool good = q.c && (action->reads_only || (take_turn(q.c) == 0 && brownout_restore(q.c, true) == 0)) &&
                change_read_state(&q.changes, &context->arena, q.c) == 0 && action->run(&q) == 0;
    PQfinish(q.c);
    return good ? EXIT_OK : EXIT_FAILED;
}
