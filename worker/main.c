/*
 * oriel: the worker and its admin commands. Reads the options that all commands share, then runs one of the table.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/text.h"
#include "worker/command.h"

static const struct command {
    const char *name, *arguments, *summary;
    command_function *run;
} commands[] = {
    {"change", "PHASE [CHANGE]", "plan, expand, fill, prove, brownout, contract, revert; status", cmd_change},
    {"check", "", "run the entities' tests; compare entities, tables and contracts", cmd_check},
    {"contract", "ACTION", "the lock file: lock, check, diff, show; for readers: openapi, types", cmd_contract},
    {"init", "[--admin CONNINFO]", "make database, roles, schemas and bookkeeping, or bring them up to date", cmd_init},
    {"readers", "", "who serves which contract now", cmd_readers},
    {"rejects", "[show BATCH LINE]", "what could not be taken, and why", cmd_rejects},
    {"status", "[--json]", "each source: what it delivered and what became of it", cmd_status},
    {"try", "ENTITY FILE", "what would happen to the records of a file; needs no database", cmd_try},
    {"work", "", "the daemon: pull, keep, clean, merge", cmd_work},
};

static void print_help(void)
{
    printf("oriel %s: pulls, cleans and keeps data; owns the tables and the contracts on them.\n\n"
           "usage: oriel [-c FILE] [-d CONNINFO] COMMAND [ARGUMENTS]\n\n",
           ORIEL_VERSION);
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        printf("  %-8s %-19s %s\n", commands[i].name, commands[i].arguments, commands[i].summary);
    printf("\n"
           "  -c, --config FILE        oriel.json; else $ORIEL_CONFIG, ./oriel.json, /etc/oriel/oriel.json\n"
           "  -d, --database CONNINFO  libpq connection string in place of \"database\" in oriel.json\n"
           "  -h, --help               this text\n"
           "  -V, --version            the version\n");
}

static const struct command *find_command(const char *name)
{
    const char *names[ARRAY_SIZE(commands) + 1] = {NULL};
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
        names[i] = commands[i].name;
    }
    const char *near = text_nearest(name, names);
    command_usage("", "no command \"%s\"%s%s%s", name, near ? "; did you mean \"" : "", near ? near : "",
                  near ? "\"?" : "");
    return NULL;
}

static int run(struct command_context *context, int argc, char **argv)
{
    const struct command *command = find_command(argv[0]);
    if (!command)
        return EXIT_USAGE;
    if (!context->config)
        context->config = settings_find();
    if (settings_load(&context->settings, &context->arena, context->config) < 0)
        return EXIT_USAGE;
    if (context->database)
        context->settings.database = context->database;
    optind = 0; /* glibc: getopt starts anew for the command's own options */
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
            print_help();
            return EXIT_OK;
        case 'V':
            printf("oriel %s\n", ORIEL_VERSION);
            return EXIT_OK;
        default:
            return EXIT_USAGE;
        }
    }
    if (optind >= argc) {
        print_help();
        return EXIT_USAGE;
    }
    arena_init(&context.arena);
    int code = run(&context, argc - optind, argv + optind);
    arena_release(&context.arena);
    return code;
}
