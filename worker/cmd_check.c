/*
 * oriel check [--no-database]: runs the entities' tests and compares entities, tables and contracts.
 */
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

enum { OPTION_NO_DATABASE };
static const struct command_option options[] = {
    [OPTION_NO_DATABASE] = {"no-database", NULL, "leave tables and contracts out", NULL},
    {NULL, NULL, NULL, NULL},
};

static int run(struct command_context *context, int argc, char **argv)
{
    (void)argc, (void)argv;
    bool with_database = !context->options[OPTION_NO_DATABASE];
    struct domain *domain = domain_load(context->config, context->database);
    if (!domain)
        return EXIT_USAGE;
    struct check c = {.entities = &domain->entities, .arena = &context->arena, .tell = print_line};
    check_tests(&c);
    bool complete = !with_database || check_database(&c, context) == 0;
    domain_free(domain);
    return complete && !c.failures ? EXIT_OK : EXIT_FAILED;
}

const struct command command_check = {
    .name = "check",
    .arguments = "",
    .summary = "run the entities' tests; compare entities, tables and contracts",
    .options = options,
    .details = "Exit code: 0 all is in order, 1 something is not, 2 the configuration cannot be read.\n",
    .run = run,
};
