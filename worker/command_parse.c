/* From the command line to a command's options, action and arguments, by its table. */
#include <getopt.h>

#include "lib/text.h"
#include "worker/command.h"

enum { FIRST_VALUE = 256 }; /* what getopt returns for the first option; beyond every letter */

static size_t count_options(const struct command *command)
{
    size_t n = 0;
    while (command->options && command->options[n].name)
        n++;
    return n;
}

/* "--limit takes N", "no option --jason" */
static void tell_wrong_option(const struct command *command, int found, const char *word)
{
    const char *names[COMMAND_MOST_OPTIONS + 2] = {NULL};
    size_t n = count_options(command);
    for (size_t i = 0; i < n; i++)
        names[i] = command->options[i].name;
    names[n] = "help";
    size_t index = (size_t)(optopt - FIRST_VALUE);
    if (optopt >= FIRST_VALUE && index < n && found == ':')
        command_usage(command->name, "--%s wants %s", names[index], command->options[index].argument);
    else if (optopt >= FIRST_VALUE && index <= n)
        command_usage(command->name, "--%s takes nothing behind it", names[index]);
    else {
        const char *near = word[0] == '-' && word[1] == '-' ? text_nearest(word + 2, names) : NULL;
        command_usage(command->name, "no option \"%s\"%s%s%s", word, near ? "; did you mean \"--" : "",
                      near ? near : "", near ? "\"?" : "");
    }
}

/* Fills values. 1; 0 when --help was among them; -1 after a message. */
static int parse_options(const struct command *command, int argc, char **argv, const char **values)
{
    struct option table[COMMAND_MOST_OPTIONS + 2] = {{0}};
    size_t n = count_options(command);
    for (size_t i = 0; i < n; i++)
        table[i] =
            (struct option){command->options[i].name, command->options[i].argument != NULL, NULL, FIRST_VALUE + (int)i};
    table[n] = (struct option){"help", no_argument, NULL, FIRST_VALUE + (int)n};
    optind = 0; /* glibc: getopt starts anew */
    opterr = 0;
    for (int found; (found = getopt_long(argc, argv, ":h", table, NULL)) != -1;) {
        if (found == 'h' || found == FIRST_VALUE + (int)n)
            return 0;
        if (found < FIRST_VALUE) {
            tell_wrong_option(command, found, argv[optind - 1]);
            return -1;
        }
        values[found - FIRST_VALUE] = optarg ? optarg : "";
    }
    return 1;
}

/* Does the list "lock check" hold the word? */
static bool listed(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = list; (p = strstr(p, word)); p += n)
        if ((p == list || p[-1] == ' ') && (p[n] == ' ' || !p[n]))
            return true;
    return false;
}

/* How many arguments "ENTITY FILE..." or "[CHANGE]" wants, and takes. */
static void arity(const char *arguments, int *least, int *most)
{
    *least = *most = 0;
    for (const char *p = arguments; *p; p += strspn(p, " ")) {
        *least += *p != '[';
        *most = *most == INT32_MAX ? *most : *most + 1;
        p += strcspn(p, " ");
        if (p[-1] == '.' || (p[-1] == ']' && p[-2] == '.'))
            *most = INT32_MAX;
    }
}

static bool check_arguments(const struct command *command, const struct command_action *action, int argc)
{
    const char *arguments = action ? action->arguments : command->arguments;
    int least, most;
    arity(arguments, &least, &most);
    if (argc >= least && argc <= most)
        return true;
    command_usage(command->name, "%s: `oriel %s%s%s%s%s`", argc < least ? "too few arguments" : "too many arguments",
                  command->name, action ? " " : "", action ? action->name : "", *arguments ? " " : "", arguments);
    return false;
}

/* Is every given option one of the action's? */
static bool check_options(const struct command *command, const char *action, const char *const *values)
{
    for (size_t i = 0; i < count_options(command); i++) {
        const struct command_option *o = &command->options[i];
        if (values[i] && o->actions && !listed(o->actions, action)) {
            command_usage(command->name, "--%s belongs to `%s %s`", o->name, command->name, o->actions);
            return false;
        }
    }
    return true;
}

bool command_parse(const struct command *command, struct command_context *context, int *argc, char ***argv, bool *help)
{
    const char **values = arena_array(&context->arena, COMMAND_MOST_OPTIONS, sizeof *values);
    context->options = values;
    context->action = -1;
    int got = parse_options(command, *argc, *argv, values);
    *help = got == 0;
    if (got <= 0)
        return *help;
    *argc -= optind;
    *argv += optind;
    const struct command_action *action = NULL;
    if (command->actions && (*argc > 0 || !command->action_optional)) {
        context->action = command_find_action(command, *argc > 0 ? **argv : "");
        if (context->action < 0)
            return false;
        action = &command->actions[context->action];
        --*argc;
        ++*argv;
    }
    return check_options(command, action ? action->name : "", values) && check_arguments(command, action, *argc);
}
