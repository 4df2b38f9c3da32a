/* Which commands there are, and how one is found. */
#include "lib/text.h"
#include "worker/command.h"

/* clang-format off: a line each, so that two who add one do not meet */
const struct command *const command_table[] = {
    &command_change,
    &command_check,
    &command_complete,
    &command_contract,
    &command_help,
    &command_init,
    &command_new,
    &command_prunable,
    &command_prune,
    &command_pull,
    &command_readers,
    &command_refuse,
    &command_rejects,
    &command_release,
    &command_replay,
    &command_status,
    &command_try,
    &command_work,
    NULL,
};
/* clang-format on */

const struct command_option command_globals[] = {
    {"config", "FILE", "oriel.json; else $ORIEL_CONFIG, ./oriel.json, /etc/oriel/oriel.json", NULL},
    {"database", "CONNINFO", "libpq connection string in place of \"database\" in oriel.json", NULL},
    {"help", NULL, "this text", NULL},
    {"version", NULL, "the version", NULL},
    {NULL, NULL, NULL, NULL},
};

static void tell_unknown(const char *of, const char *what, const char *name, const char *const *names)
{
    const char *near = text_nearest(name, names);
    command_usage(of, "no %s \"%s\"%s%s%s", what, name, near ? "; did you mean \"" : "", near ? near : "",
                  near ? "\"?" : "");
}

const struct command *command_find(const char *name)
{
    const char *names[ARRAY_SIZE(command_table)];
    size_t n = 0;
    for (; command_table[n]; n++) {
        if (strcmp(command_table[n]->name, name) == 0)
            return command_table[n];
        names[n] = command_table[n]->name;
    }
    names[n] = NULL;
    tell_unknown("", "command", name, names);
    return NULL;
}

/* "check, diff, lock" */
static const char *listed(const char *const *names, char *text, size_t size)
{
    size_t used = 0;
    *text = 0;
    for (; *names && used < size; names++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "", *names);
    return text;
}

int command_find_action(const struct command *command, const char *name)
{
    const char *names[32];
    char all[512];
    size_t n = 0;
    for (; command->actions[n].name && n + 1 < ARRAY_SIZE(names); n++) {
        if (strcmp(command->actions[n].name, name) == 0)
            return (int)n;
        names[n] = command->actions[n].name;
    }
    names[n] = NULL;
    if (*name)
        tell_unknown(command->name, "action", name, names);
    else
        command_usage(command->name, "one of these was expected: %s", listed(names, all, sizeof all));
    return -1;
}
