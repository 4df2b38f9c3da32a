/*
 * oriel complete WORD...: what the last word of a command line may become, one a line. The shell's completion asks
 * this, so it knows what the table of commands knows. Says nothing where it knows nothing, and never complains.
 */
#include <dirent.h>

#include "lib/log.h"
#include "worker/command.h"

struct completion {
    struct command_context *context;
    const char *begun; /* what is there of the last word */
    bool settled;      /* oriel.json was read */
};

static void offer(const struct completion *c, const char *before, const char *word)
{
    const char *whole = arena_printf(&c->context->arena, "%s%s", before, word);
    if (strncmp(whole, c->begun, strlen(c->begun)) == 0)
        printf("%s\n", whole);
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n > m && strcmp(s + n - m, end) == 0;
}

/* Names in a folder: those that end so, without that end; the folders in it where `end` is "". */
static void offer_folder(const struct completion *c, const char *folder, const char *end)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return;
    for (struct dirent *d; (d = readdir(dir));) {
        size_t n = strlen(d->d_name);
        if (*d->d_name == '.' || (*end && (!ends_with(d->d_name, end) || ends_with(d->d_name, ".test.json"))))
            continue;
        offer(c, "", arena_memdup(&c->context->arena, d->d_name, n - strlen(end)));
    }
    closedir(dir);
}

static void offer_entities(const struct completion *c)
{
    if (c->settled)
        offer_folder(c, c->context->settings.entities, ".json");
}

static void offer_sources(const struct completion *c)
{
    if (c->settled)
        offer_folder(c, c->context->settings.sources, ".json");
}

static void offer_changes(const struct completion *c)
{
    if (c->settled)
        offer_folder(c, c->context->settings.changes, "");
}

static void offer_commands(const struct completion *c)
{
    for (const struct command *const *p = command_table; *p; p++)
        offer(c, "", (*p)->name);
}

/* By the name of an argument in the tables. Files are left to the shell. */
static const struct {
    const char *argument;
    void (*offer)(const struct completion *c);
} kinds[] = {
    {"CHANGE", offer_changes},
    {"COMMAND", offer_commands},
    {"ENTITY", offer_entities},
    {"SOURCE", offer_sources},
};

/* The n-th argument of "NAME FILE..." */
static void offer_argument(const struct completion *c, const char *arguments, int n)
{
    const char *p = arguments;
    for (; n > 0 && *p; n--) {
        p += strcspn(p, " ");
        p += strspn(p, " ");
    }
    p += *p == '[';
    size_t length = strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (strlen(kinds[i].argument) == length && strncmp(p, kinds[i].argument, length) == 0)
            kinds[i].offer(c);
}

static const struct command_option *find_option(const struct command_option *o, const char *word)
{
    if (!o || word[0] != '-')
        return NULL;
    for (; o->name; o++)
        if (strcmp(word[1] == '-' ? word + 2 : "", o->name) == 0 || (o->name[0] == word[1] && !word[2]))
            return o;
    return NULL;
}

static void offer_options(const struct completion *c, const struct command_option *o)
{
    for (; o && o->name; o++)
        offer(c, "--", o->name);
}

static const struct command *find_command(const char *name)
{
    for (const struct command *const *p = command_table; *p; p++)
        if (strcmp((*p)->name, name) == 0)
            return *p;
    return NULL;
}

/* words: what stands behind the command's name, the unfinished one last. */
static void complete_command(const struct completion *c, const struct command *command, int n, char **words)
{
    const struct command_action *action = NULL;
    int arguments = 0;
    for (int i = 0; i + 1 < n; i++) {
        const struct command_option *o = find_option(command->options, words[i]);
        if (o && o->argument && i + 2 == n) {
            offer_argument(c, o->argument, 0);
            return;
        }
        if (o || words[i][0] == '-')
            i += o && o->argument;
        else if (command->actions && !action && !arguments) {
            for (action = command->actions; action->name && strcmp(action->name, words[i]) != 0; action++)
                ;
            if (!action->name)
                return;
        } else
            arguments++;
    }
    if (*c->begun == '-') {
        offer_options(c, command->options);
        offer(c, "--", "help");
    } else if (command->actions && !action)
        for (action = command->actions; action->name; action++)
            offer(c, "", action->name);
    else
        offer_argument(c, action ? action->arguments : command->arguments, arguments);
}

static void settle(struct completion *c)
{
    struct buf unsaid;
    buf_init(&unsaid, 1 << 16);
    log_capture(&unsaid);
    if (!c->context->config)
        c->context->config = settings_find();
    c->settled = settings_load(&c->context->settings, &c->context->arena, c->context->config) == 0;
    log_capture(NULL);
    buf_release(&unsaid);
}

static int run(struct command_context *context, int argc, char **argv)
{
    struct completion c = {.context = context, .begun = argc ? argv[argc - 1] : ""};
    int i = 0;
    for (; i + 1 < argc && argv[i][0] == '-'; i++) {
        const struct command_option *o = find_option(command_globals, argv[i]);
        if (!o || !o->argument)
            continue;
        if (i + 2 >= argc)
            return EXIT_OK; /* a file or a connection string */
        i++;
        if (strcmp(o->name, "config") == 0)
            context->config = argv[i];
    }
    const struct command *command = i + 1 < argc ? find_command(argv[i]) : NULL;
    settle(&c);
    if (command)
        complete_command(&c, command, argc - i - 1, argv + i + 1);
    else if (i + 1 >= argc && *c.begun == '-')
        offer_options(&c, command_globals);
    else if (i + 1 >= argc)
        offer_commands(&c);
    return EXIT_OK;
}

const struct command command_complete = {
    .name = "complete",
    .arguments = "[WORD...]",
    .summary = "for the shell's completion: what the last word may become",
    .bare = true,
    .details = "Give the words behind \"oriel\" after two dashes: oriel complete -- try acme-\n",
    .run = run,
};
