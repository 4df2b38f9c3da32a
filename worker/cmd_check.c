/*
 * oriel check [--no-database]: runs the entities' tests and compares entities, tables and contracts.
 */
#include <getopt.h>

#include "lib/log.h"
#include "worker/check.h"
#include "worker/command.h"

static void print_line(bool ok, const char *line)
{
    printf("%s %s\n", ok ? "ok    " : "NOT OK", line);
}

static int check_database(struct check *c, struct command_context *context)
{
    struct session s = {.c = command_connect(context)};
    if (!s.c) {
        log_error("tables and contracts were not compared; --no-database leaves them out");
        return -1;
    }
    int result = check_tables(c, &s) < 0 || check_contracts(c, &s) < 0 ? -1 : 0;
    if (result < 0)
        log_error("%s: %s", s.failure.doing, s.failure.message);
    session_close(&s);
    return result;
}

int cmd_check(struct command_context *context, int argc, char **argv)
{
    static const struct option options[] = {{"no-database", no_argument, NULL, 'n'}, {0}};
    bool with_database = true;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (o != 'n')
            return EXIT_USAGE;
        with_database = false;
    }
    if (optind < argc)
        return command_usage("check", "takes no argument");
    struct domain *domain = domain_load(context->config, context->database);
    if (!domain)
        return EXIT_USAGE;
    struct check c = {.entities = &domain->entities, .arena = &context->arena, .tell = print_line};
    check_tests(&c);
    bool complete = !with_database || check_database(&c, context) == 0;
    domain_free(domain);
    return complete && !c.failures ? EXIT_OK : EXIT_FAILED;
}
