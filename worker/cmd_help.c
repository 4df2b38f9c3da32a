/*
 * oriel help [COMMAND]: all commands, or one of them.
 */
#include "worker/command.h"

static int run(struct command_context *context, int argc, char **argv)
{
    (void)context;
    if (!argc) {
        command_print_overview();
        return EXIT_OK;
    }
    const struct command *command = command_find(argv[0]);
    if (!command)
        return EXIT_USAGE;
    command_print_help(command);
    return EXIT_OK;
}

const struct command command_help = {
    .name = "help", .arguments = "[COMMAND]", .summary = "this text, or that of one command", .bare = true, .run = run};
