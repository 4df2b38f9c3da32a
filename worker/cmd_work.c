/*
 * oriel work: the daemon.
 */
#include "lib/log.h"
#include "worker/command.h"
#include "worker/work.h"

int cmd_work(struct command_context *context, int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        return command_usage("work", "takes no argument");
    log_init("oriel", LOG_DAEMON);
    return work_run(context->config, context->database);
}
