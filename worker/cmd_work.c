/*
 * oriel work: the daemon.
 */
#include "lib/log.h"
#include "worker/command.h"
#include "worker/work.h"

static int run(struct command_context *context, int argc, char **argv)
{
    (void)argc, (void)argv;
    log_init("oriel", LOG_DAEMON);
    return work_run(context->config, context->database);
}

const struct command command_work = {
    .name = "work",
    .arguments = "",
    .summary = "the daemon: pull, keep, clean, merge",
    .details =
        "One worker leads; any number of further ones stand by and take over when it goes. TERM finishes the batch in\n"
        "hand and leaves; HUP reads the configuration again and keeps the old one when the new one is wrong.\n",
    .run = run,
};
