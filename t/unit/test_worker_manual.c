/* The manual pages against the tables of the code: what one has and the other has not, is a failure that names it. */
#include "lib/settings.h"
#include "t/unit/manual.h"
#include "worker/command.h"
#include "worker/convert.h"
#include "worker/operation.h"
#include "worker/source_kind.h"

static void test_commands(struct arena *a)
{
    const char *page = read_page(a, "worker/man/oriel.1");
    struct words commands = {0}, globals = {0}, manual = documented(a, page, "COMMANDS", NULL, ".Ss");
    for (const struct command *const *c = command_table; *c; c++) {
        struct words options = {0}, actions = {0};
        for (const struct command_option *o = (*c)->options; o && o->name; o++)
            add(&options, o->name);
        for (const struct command_action *o = (*c)->actions; o && o->name; o++)
            add(&actions, o->name);
        struct words said = documented(a, page, "COMMANDS", (*c)->name, ".It Fl");
        compare(a, &said, &options, arena_printf(a, "options of %s", (*c)->name));
        said = documented(a, page, "COMMANDS", (*c)->name, ".It Cm");
        compare(a, &said, &actions, arena_printf(a, "actions of %s", (*c)->name));
        add(&commands, (*c)->name);
    }
    compare(a, &manual, &commands, "commands");
    for (const struct command_option *o = command_globals; o->name; o++) {
        add(&globals, o->name);
        add(&globals, strcmp(o->name, "version") == 0 ? "V" : arena_printf(a, "%c", *o->name));
    }
    manual = documented(a, page, "DESCRIPTION", NULL, ".It Fl");
    compare(a, &manual, &globals, "options of all commands");
}

static void test_entity(struct arena *a)
{
    const char *page = read_page(a, "worker/man/oriel-entity.5");
    struct words code = {0}, manual = documented(a, page, "CONSTRAINTS", NULL, ".It Cm");
    add(&code, "required");
    for (size_t i = 0; i < n_constraints; i++)
        add(&code, constraints[i].name);
    compare(a, &manual, &code, "CONSTRAINTS");
    code = (struct words){0};
    for (const struct operation_kind *o = operation_kinds; o->name; o++)
        add(&code, o->name);
    for (const char *const *u = unit_names; *u; u++)
        add(&code, arena_printf(a, "unit:%s", *u));
    manual = documented(a, page, "OPERATIONS", NULL, ".It Cm");
    compare(a, &manual, &code, "OPERATIONS");
    test_list(a, page, "KEYS", NULL, entity_keys);
    test_list(a, page, "LIMITS", NULL, limit_keys);
    test_list(a, page, "FIELDS", NULL, field_keys);
    test_list(a, page, "TYPES", NULL, type_names);
    test_list(a, page, "ACTIONS", NULL, action_names);
    test_list(a, page, "REASONS", NULL, reason_names);
}

static void test_source(struct arena *a)
{
    const char *page = read_page(a, "worker/man/oriel-source.5");
    struct words kinds = {0}, manual = documented(a, page, "KINDS", NULL, ".Ss");
    test_list(a, page, "KEYS", NULL, source_common_keys);
    test_list(a, page, "FORMATS", NULL, format_names);
    test_list(a, page, "DIALECT", NULL, format_dialect_keys);
    add_all(&kinds, source_kind_names);
    compare(a, &manual, &kinds, "kinds");
    for (const struct source_kind *const *k = source_kinds; *k; k++)
        test_list(a, page, "KINDS", (*k)->name, (*k)->keys);
}

static void test_settings(struct arena *a)
{
    const char *page = read_page(a, "worker/man/oriel.json.5");
    test_list(a, page, "KEYS", NULL, settings_keys);
    test_list(a, page, "WORKER", NULL, settings_worker_keys);
}

/* The test itself: a page that lacks a word, or has one too many, is found. */
static void test_reading(struct arena *a)
{
    static const char page[] = ".Sh A\n.It Cm x , y\n.Ss s\n.It Fl \\-json\n.It Cm act Ar NAME\n.Sh B\n.It Cm z\n";
    struct words w = documented(a, page, "A", NULL, ".It Cm");
    ok(w.n == 3 && holds(&w, "x") && holds(&w, "y") && holds(&w, "act"), "words of a section");
    w = documented(a, page, "A", "", ".It Cm");
    ok(w.n == 2, "before its first subsection");
    w = documented(a, page, "A", "s", ".It Fl");
    ok(w.n == 1 && holds(&w, "json"), "options of a subsection");
    w = documented(a, page, "A", NULL, ".Ss");
    ok(w.n == 1 && holds(&w, "s"), "the subsections");
}

int main(void)
{
    struct arena a;
    arena_init(&a);
    test_reading(&a);
    test_commands(&a);
    test_entity(&a);
    test_source(&a);
    test_settings(&a);
    arena_release(&a);
    return tap_done();
}
