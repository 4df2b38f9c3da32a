/*
 * oriel replay: cleans what is kept anew, with today's entity files.
 */
#include "lib/text.h"
#include "worker/command.h"
#include "worker/replay.h"

enum { OPTION_DRY_RUN, OPTION_JSON, OPTION_SINCE, OPTION_BATCH, OPTION_ALL };
static const struct command_option options[] = {
    [OPTION_DRY_RUN] = {"dry-run", NULL, "only show what would change: rows, columns and reasons", NULL},
    [OPTION_JSON] = {"json", NULL, "the same for programs", NULL},
    [OPTION_SINCE] = {"since", "TIME", "apply only what comes from batches received since then", NULL},
    [OPTION_BATCH] = {"batch", "N", "apply only what comes from this batch (raw.batch.id)", NULL},
    [OPTION_ALL] = {"all", NULL,
                    "all entities; emptied tables are rebuilt with the ids that they had, unless raw was pruned", NULL},
    {NULL, NULL, NULL, NULL},
};

static int run(struct command_context *context, int argc, char **argv)
{
    const char *const *given = context->options;
    const struct replay_scope scope = {.since = given[OPTION_SINCE], .batch = given[OPTION_BATCH]};
    long long n;
    if (scope.batch && text_integer(scope.batch, 1, INT64_MAX, &n) < 0)
        return command_usage("replay", "\"%s\" is not the number of a batch", scope.batch);
    if (!given[OPTION_ALL] == !argc)
        return command_usage("replay", "name entities, or say --all");
    if (given[OPTION_JSON] && !given[OPTION_DRY_RUN])
        return command_usage("replay", "--json goes with --dry-run");
    int code;
    struct domain *d = command_domain(context, &code);
    if (!d)
        return code;
    code = replay_run(d, (const char *const *)argv, &scope, given[OPTION_DRY_RUN], given[OPTION_JSON]);
    domain_free(d);
    return code;
}

const struct command command_replay = {
    .name = "replay",
    .arguments = "[ENTITY...]",
    .summary = "clean all that is kept anew, with today's files",
    .options = options,
    .details =
        "Cleans all records that are kept anew, with today's entity and source files, and brings the tables of these\n"
        "entities to what then comes out. Runs beside the worker, which is to have read the same files (HUP). May be\n"
        "killed at any moment: the same command goes on where it was. Rows whose raw was pruned stay as they are; it "
        "says\n"
        "how many. TIME is such as \"2026-11-01 12:00Z\".\n",
    .run = run,
};
