/*
 * oriel prunable: what is kept though nobody needs it any more, and why the rest must stay. oriel prune: removes it.
 */
#include <unistd.h>

#include "lib/log.h"
#include "lib/text.h"
#include "worker/change.h"
#include "worker/prune.h"

static const struct prune_kind *const kinds[] = {&prune_schema, &prune_raw};

void prune_add(struct prune_list *list, struct arena *a, struct prune_item item)
{
    if (list->n == list->room) {
        size_t room = list->room ? list->room * 2 : 16;
        struct prune_item *grown = arena_array(a, room, sizeof *grown);
        if (list->n)
            memcpy(grown, list->list, list->n * sizeof *grown);
        list->list = grown;
        list->room = room;
    }
    list->list[list->n++] = item;
}

struct pruning {
    struct prune prune;
    struct prune_list lists[ARRAY_SIZE(kinds)];
};

static int find_all(struct pruning *p)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (kinds[i]->find(&p->prune, &p->lists[i]) < 0)
            return -1;
    return 0;
}

/* With --force, what only a replay would need can go. */
static void give_up_replay(struct pruning *p)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        for (size_t k = 0; k < p->lists[i].n; k++) {
            struct prune_item *item = &p->lists[i].list[k];
            if (!item->needed || !item->by_replay)
                continue;
            item->needed = false;
            item->reason = arena_printf(p->prune.arena, "for good, although %s", item->reason);
        }
}

/* Returns how many there are. */
static size_t print(const struct pruning *p, bool needed)
{
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        for (size_t k = 0; k < p->lists[i].n; k++) {
            const struct prune_item *item = &p->lists[i].list[k];
            if (item->needed != needed)
                continue;
            if (!n++)
                printf("%s\n", needed ? "must stay:" : "can go:");
            printf("  %-36s %-8s %s%s%s%s\n", item->name, item->what, item->reason, item->size ? " (" : "",
                   item->size ? item->size : "", item->size ? ")" : "");
        }
    if (!n && !needed)
        printf("nothing can go\n");
    return n;
}

static bool is_kind(const char *name)
{
    size_t i = 0;
    while (i < ARRAY_SIZE(kinds) && strcmp(kinds[i]->name, name) != 0)
        i++;
    return i < ARRAY_SIZE(kinds);
}

/* Only what was named, by itself or by its kind; a name that cannot go is told with the reason. */
static int choose(struct pruning *p, char *const *names)
{
    int result = 0;
    for (; *names; names++) {
        const struct prune_item *found = NULL;
        if (is_kind(*names))
            continue;
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
            for (size_t k = 0; k < p->lists[i].n && !found; k++)
                if (strcmp(p->lists[i].list[k].name, *names) == 0)
                    found = &p->lists[i].list[k];
        if (found && !found->needed)
            continue;
        log_error("%s: %s%s", *names, found ? found->reason : "there is no such thing; `oriel prunable` lists them",
                  found && found->by_replay ? ". With --force it goes, and what it is needed for stays as it is" : "");
        result = -1;
    }
    return result;
}

static bool is_chosen(const struct prune_kind *kind, const struct prune_item *item, char *const *names)
{
    if (item->needed || !*names)
        return !item->needed;
    while (*names && strcmp(*names, item->name) != 0 && strcmp(*names, kind->name) != 0)
        names++;
    return *names;
}

static bool is_agreed(const char *yes)
{
    char answer[16];
    if (yes)
        return true;
    if (!isatty(STDIN_FILENO)) {
        log_error("nothing was removed: there is no terminal to ask at. What to do: run it again with --yes");
        return false;
    }
    printf("Remove it for good? [y/N] ");
    fflush(stdout);
    if (fgets(answer, sizeof answer, stdin) && (*answer == 'y' || *answer == 'Y'))
        return true;
    printf("nothing was removed\n");
    return false;
}

static int remove_all(const struct pruning *p, char *const *names)
{
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        for (size_t k = 0; k < p->lists[i].n; k++) {
            const struct prune_item *item = &p->lists[i].list[k];
            if (!is_chosen(kinds[i], item, names))
                continue;
            if (kinds[i]->remove(&p->prune, item) < 0)
                return -1;
            printf("removed %s\n", item->name);
            n++;
        }
    if (!n)
        printf("nothing can go\n");
    return 0;
}

enum { OPTION_FORCE, OPTION_YES };
static const struct command_option options[] = {
    [OPTION_FORCE] = {"force", NULL,
                      "also months of raw that only a replay would need: what came from them stays as it is", NULL},
    [OPTION_YES] = {"yes", NULL, "do not ask", NULL},
    {NULL, NULL, NULL, NULL},
};

static int work(struct pruning *p, struct command_context *context, char *const *names, bool removes)
{
    if ((removes && change_take_turn(p->prune.c) < 0) || find_all(p) < 0)
        return -1;
    if (removes && context->options[OPTION_FORCE])
        give_up_replay(p);
    if (!removes) {
        print(p, false);
        print(p, true);
        return 0;
    }
    if (choose(p, names) < 0)
        return -1;
    if (!*names && !print(p, false))
        return 0;
    return is_agreed(context->options[OPTION_YES]) ? remove_all(p, names) : -1;
}

static int run(struct command_context *context, char *const *names, bool removes)
{
    struct domain *domain = domain_load(context->config, context->database);
    if (!domain)
        return EXIT_USAGE;
    struct pruning p = {
        .prune = {.arena = &context->arena, .domain = domain, .c = command_connect(context), .removes = removes}};
    int result = p.prune.c ? work(&p, context, names, removes) : -1;
    PQfinish(p.prune.c);
    domain_free(domain);
    return result < 0 ? EXIT_FAILED : EXIT_OK;
}

static int run_prunable(struct command_context *context, int argc, char **argv)
{
    (void)argc;
    return run(context, argv, false);
}

static int run_prune(struct command_context *context, int argc, char **argv)
{
    (void)argc;
    return run(context, argv, true);
}

#define NEEDED                                                                                                         \
    "A table, private view or column of the schema dp is needed while a contract reads it, an entity file writes it, " \
    "a\n"                                                                                                              \
    "change that is not finished names it, it is part of a key, or something else in the database is built on it.\n"   \
    "\n"                                                                                                               \
    "A month of raw is kept for the `retention` that oriel.json gives, without one for ever. An older one is needed\n" \
    "while rows came from it, rejects or parked records point into it, a replay or a change that is filled by one "    \
    "is\n"                                                                                                             \
    "not finished, or an older month stays.\n"

const struct command command_prunable = {
    .name = "prunable",
    .arguments = "",
    .summary = "what is kept though nobody needs it, and why the rest must stay",
    .details = NEEDED,
    .run = run_prunable,
};

const struct command command_prune = {
    .name = "prune",
    .arguments = "[NAME...]",
    .summary = "remove what nobody needs, or only what is named",
    .options = options,
    .details = NEEDED
    "\nIt shows what it would remove and asks; without a terminal it wants --yes. What is removed is gone for\n"
    "good. NAME may also be `schema` or `raw`: all of that kind that can go. What only the worker of an earlier\n"
    "release writes is not known here: prune when there is no way back to it.\n",
    .run = run_prune,
};
