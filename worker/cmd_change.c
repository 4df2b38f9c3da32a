/*
 * oriel change: the phases of a change, and what has been done of each.
 */
#include "lib/log.h"
#include "lib/text.h"
#include "worker/change_apply.h"
#include "worker/change_fill.h"
#include "worker/change_plan.h"
#include "worker/change_prove.h"
#include "worker/change_removal.h"
#include "worker/command.h"
#include "worker/replay.h"

struct asking {
    struct command_context *context;
    struct change_list changes;
    const struct change *change; /* the one that was named; NULL when none was */
    PGconn *c;
    struct change_run run;
    long long brownout_ms;            /* --for */
    struct throttle_options throttle; /* --rate, --max-lag */
};

static int expand_one(const struct asking *q, const struct change *change)
{
    struct change_application app = {.c = q->c,
                                     .change = change,
                                     .step = STEP_EXPAND,
                                     .run = &q->run,
                                     .judge = change_judge_additive,
                                     .probe = true};
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

/* What is wrong with fill.sql is told before anything is run. */
static int check_fill(const struct asking *q, const struct change *change)
{
    const struct change_file *f = &change->step[STEP_FILL];
    struct change_fill_file file = {0};
    if (f->sql && change_fill_parse(f, &q->context->arena, &file) < 0)
        return -1;
    if (!file.entities)
        return 0;
    struct domain *d = domain_load(q->context->config, q->context->database);
    int result = d ? replay_check_names(d, file.entities) : -1;
    domain_free(d);
    return result;
}

static int action_plan(const struct asking *q)
{
    for (size_t i = 0; i < q->changes.n; i++) {
        const struct change *change = &q->changes.list[i];
        /* the next one only: a later one may stand on what this one makes */
        if (q->change ? change == q->change : !change->step[STEP_EXPAND].applied_at) {
            if (change->step[STEP_EXPAND].applied_at) {
                printf("%s is expanded already (%s)\n", change->name, change->step[STEP_EXPAND].applied_at);
                return 0;
            }
            return check_fill(q, change) < 0 ? -1 : change_plan(change, q->c, &q->run);
        }
    }
    printf("all %zu changes are expanded\n", q->changes.n);
    return 0;
}

static int want_expanded(const struct change *change)
{
    if (change->step[STEP_EXPAND].applied_at)
        return 0;
    log_error("%s: expand it first: `oriel change expand %s`", change->name, change->name);
    return -1;
}

static int fill_by_replay(const struct asking *q, const struct change_fill_file *file)
{
    struct domain *d = domain_load(q->context->config, q->context->database);
    int result = d ? change_fill_replay(q->change, file, q->c, d, &q->throttle) : -1;
    domain_free(d);
    return result;
}

static int action_fill(const struct asking *q)
{
    const struct change_file *f = &q->change->step[STEP_FILL];
    struct arena *a = &q->context->arena;
    struct change_fill_file file;
    if (!f->sql) {
        log_error("%s does not exist, so there is nothing to fill", f->path);
        return -1;
    }
    if (want_expanded(q->change) < 0 || change_fill_parse(f, a, &file) < 0)
        return -1;
    return file.entities ? fill_by_replay(q, &file) : change_fill_ranges(q->change, &file, q->c, a, &q->throttle);
}

static int action_prove(const struct asking *q)
{
    if (want_expanded(q->change) < 0)
        return -1;
    if (q->change->step[STEP_FILL].sql && !q->change->step[STEP_FILL].applied_at) {
        log_error("%s: fill it first: `oriel change fill %s`", q->change->name, q->change->name);
        return -1;
    }
    return change_prove(q->change, q->c, &q->context->arena);
}

static int action_brownout(const struct asking *q)
{
    return change_brownout(q->change, q->c, &q->context->arena, &q->run, q->brownout_ms);
}

static int action_contract(const struct asking *q)
{
    const char *path = q->context->settings.rollback;
    struct contract_set rollback;
    if (path && contract_lock_load(&rollback, &q->context->arena, path) < 0)
        return -1;
    return change_contract(q->change, q->c, &q->context->arena, &q->run, path ? &rollback : NULL);
}

static int action_revert(const struct asking *q)
{
    return change_revert(q->change, q->c, &q->context->arena, &q->run);
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

static const struct command_action actions[] = {
    {"brownout", "CHANGE", "take the readers' grants away for a while, and give them back"},
    {"contract", "CHANGE", "drop what the change removes, when nobody needs it"},
    {"expand", "[CHANGE]", "apply what is not applied yet, up to the named change"},
    {"fill", "CHANGE", "fill what expand has added, in small batches; goes on where it stopped"},
    {"plan", "[CHANGE]", "what expand would do: statements, locks, contracts, readers; then rolled back"},
    {"prove", "CHANGE", "run the change's queries, which must find nothing"},
    {"revert", "CHANGE", "undo expand"},
    {"status", "", "what has been done of each change"},
    {NULL, NULL, NULL},
};
static const struct step {
    int (*run)(const struct asking *q);
    bool reads_only;
} steps[] = {{action_brownout, false}, {action_contract, false}, {action_expand, false}, {action_fill, false},
             {action_plan, false},     {action_prove, false},    {action_revert, false}, {action_status, true}};

enum { OPTION_FOR, OPTION_MAX_LAG, OPTION_RATE, OPTION_LOCK_TIMEOUT, OPTION_DEADLINE };
static const struct command_option options[] = {
    [OPTION_FOR] = {"for", "DURATION", "how long a brownout lasts (30s)", "brownout"},
    [OPTION_MAX_LAG] = {"max-lag", "SIZE", "wait while a standby has more WAL left to replay (" SETTINGS_MAX_LAG ")",
                        "fill"},
    [OPTION_RATE] = {"rate", "N", "fill no more than N rows a second", "fill"},
    [OPTION_LOCK_TIMEOUT] = {"lock-timeout", "DURATION", "how long a try waits for a lock (100ms)",
                             "brownout contract expand plan revert"},
    [OPTION_DEADLINE] = {"deadline", "DURATION", "how long it is tried again (1min)",
                         "brownout contract expand plan revert"},
    {NULL, NULL, NULL, NULL},
};

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

/* The duration that an option gives; left as it is without the option, -1 when it is none. */
static void read_duration(const struct asking *q, int option, long long *ms)
{
    const char *text = q->context->options[option];
    if (text)
        *ms = text_duration_ms(text);
}

static int read_options(struct asking *q)
{
    const char *lag = q->context->options[OPTION_MAX_LAG], *rate = q->context->options[OPTION_RATE];
    struct change_patience *patience = &q->run.patience;
    q->brownout_ms = 30000;
    *patience = change_usual_patience;
    read_duration(q, OPTION_FOR, &q->brownout_ms);
    read_duration(q, OPTION_LOCK_TIMEOUT, &patience->lock_timeout_ms);
    read_duration(q, OPTION_DEADLINE, &patience->deadline_ms);
    q->throttle.max_lag = lag ? text_size(lag) : q->context->settings.max_lag;
    if (q->brownout_ms > 0 && patience->lock_timeout_ms > 0 && patience->lock_timeout_ms <= INT32_MAX &&
        patience->deadline_ms > 0 && q->throttle.max_lag >= 0 &&
        (!rate || text_integer(rate, 1, INT64_MAX, &q->throttle.units_per_second) == 0))
        return 0;
    command_usage("change",
                  "--for, --lock-timeout and --deadline take a duration such as 30s, but not 0; --max-lag takes a size "
                  "such as 64MB, --rate a number of rows a second");
    return -1;
}

static int run(struct command_context *context, int argc, char **argv)
{
    struct asking q = {.context = context,
                       .run = {.lock_path = context->settings.lock, .standbys = context->settings.standbys}};
    const struct step *step = &steps[context->action];
    q.run.changes = &q.changes;
    if (read_options(&q) < 0 || change_load(&q.changes, &context->arena, context->settings.changes) < 0 ||
        (argc && find_change(&q, argv[0]) < 0))
        return EXIT_USAGE;
    q.c = command_connect(context);
    /* the turn is taken before any state is read: what another runner is just writing must not be missed */
    bool good = q.c && (step->reads_only || (change_take_turn(q.c) == 0 && brownout_restore(q.c, true) == 0)) &&
                change_read_state(&q.changes, &context->arena, q.c) == 0 && step->run(&q) == 0;
    PQfinish(q.c);
    return good ? EXIT_OK : EXIT_FAILED;
}

const struct command command_change = {
    .name = "change",
    .arguments = "",
    .summary = "plan, expand, fill, prove, brownout, contract, revert; status",
    .options = options,
    .actions = actions,
    .details =
        "fill.sql is a statement over :lo and :hi below the line `-- key: schema.table.column`, or the line\n"
        "`-- replay: ENTITY, ...`, which cleans what is kept of these entities anew. fill waits for standbys that lag\n"
        "(maxLag in oriel.json), says for which, and makes pauses while readers' statements take four times what they\n"
        "took before it began.\n",
    .run = run,
};
