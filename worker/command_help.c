/* What `oriel help` and `oriel COMMAND --help` print, out of the table of commands. */
#include "worker/command.h"

static int widest_option(const struct command_option *o)
{
    int widest = 0;
    for (; o->name; o++) {
        int n = (int)(strlen(o->name) + (o->argument ? 1 + strlen(o->argument) : 0));
        widest = n > widest ? n : widest;
    }
    return widest;
}

static void print_options(const struct command_option *o, bool letters)
{
    int width = widest_option(o);
    for (; o->name; o++) {
        int used = (int)strlen(o->name);
        if (letters)
            printf("  -%c,", strcmp(o->name, "version") == 0 ? 'V' : *o->name);
        printf("%s--%s%s%s%*s  %s", letters ? " " : "  ", o->name, o->argument ? " " : "",
               o->argument ? o->argument : "", width - used - (o->argument ? 1 + (int)strlen(o->argument) : 0), "",
               o->summary);
        printf(o->actions ? " (%s)\n" : "\n", o->actions);
    }
}

void command_print_overview(void)
{
    printf("oriel %s: pulls, cleans and keeps data; owns the tables and the contracts on them.\n\n"
           "usage: oriel [-c FILE] [-d CONNINFO] COMMAND [ARGUMENTS]\n\n",
           ORIEL_VERSION);
    for (const struct command *const *c = command_table; *c; c++)
        printf("  %-9s %s\n", (*c)->name, (*c)->summary);
    printf("\n");
    print_options(command_globals, true);
    printf("\n`oriel help COMMAND` says more of one; so do oriel(1), oriel-entity(5) and oriel-source(5).\n");
}

static void print_actions(const struct command *command)
{
    int width = 0;
    for (const struct command_action *a = command->actions; a->name; a++) {
        int n = (int)(strlen(a->name) + 1 + strlen(a->arguments));
        width = n > width ? n : width;
    }
    printf("\n");
    for (const struct command_action *a = command->actions; a->name; a++)
        printf("  %s %-*s  %s\n", a->name, width - (int)strlen(a->name) - 1, a->arguments, a->summary);
}

void command_print_help(const struct command *command)
{
    const char *open = command->action_optional ? "[" : "", *close = command->action_optional ? "]" : "";
    printf("usage: oriel %s%s", command->name, command->options ? " [OPTIONS]" : "");
    if (command->actions)
        printf(" %sACTION%s", open, close);
    printf("%s%s\n\n%s\n", *command->arguments ? " " : "", command->arguments, command->summary);
    if (command->actions)
        print_actions(command);
    if (command->options) {
        printf("\n");
        print_options(command->options, false);
    }
    if (command->details)
        printf("\n%s", command->details);
}
