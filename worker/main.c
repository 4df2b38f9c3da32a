/*
 * oriel: the worker and its admin commands. Reads the options that all commands share, then runs one of the table.
 */
#include <getopt.h>

#include "worker/command.h"

static int run(struct command_context *context, int argc, char **argv)
{
    const struct command *command = command_find(argv[0]);
    bool help;
    if (!command || !command_parse(command, context, &argc, &argv, &help))
        return EXIT_USAGE;
    if (help) {
        command_print_help(command);
        return EXIT_OK;
    }
    if (command->bare)
        return command->run(context, argc, argv);
    if (!context->config)
        context->config = settings_find();
    if (settings_load(&context->settings, &context->arena, context->config) < 0)
        return EXIT_USAGE;
    if (context->database)
        context->settings.database = context->database;
    return command->run(context, argc, argv);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"database", required_argument, NULL, 'd'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'V'},
                                            {0}};
    struct command_context context = {0};
    for (int o; (o = getopt_long(argc, argv, "+c:d:hV", options, NULL)) != -1;) {
        switch (o) {
        case 'c':
            context.config = optarg;
            break;
        case 'd':
            context.database = optarg;
            break;
        case 'h':
            command_print_overview();
            return EXIT_OK;
        case 'V':
            printf("oriel %s\n", ORIEL_VERSION);
            return EXIT_OK;
        default:
            return EXIT_USAGE;
        }
    }
    if (optind >= argc) {
        command_print_overview();
        return EXIT_USAGE;
    }
    arena_init(&context.arena);
    int code = run(&context, argc - optind, argv + optind);
    arena_release(&context.arena);
    return code;
}
