/*
 * The subcommands of `oriel`. Each describes itself in a file of its own name (cmd_status.c): its arguments, actions
 * and options stand in a table, and parsing, `oriel help`, completion and the test of the manual all read that table.
 *
 * To add a command: write worker/cmd_NAME.c with its function and `const struct command command_NAME`, declare that
 * below, add it to worker/command_table.c, and describe it in worker/man/oriel.1.
 */
#ifndef ORIEL_COMMAND_H
#define ORIEL_COMMAND_H

#include "lib/mem.h"
#include "lib/pg.h"
#include "lib/settings.h"
#include "worker/domain.h"

struct command_context {
    struct arena arena;         /* lives as long as the program */
    const char *config;         /* path of oriel.json */
    const char *database;       /* --database; NULL: as in oriel.json */
    struct settings settings;   /* read before the command runs, with database laid over it */
    const char *const *options; /* by their index in the command's table: NULL not given, "" given, else its argument */
    int action;                 /* index in the command's actions; -1 when none was named */
};

/* argv holds the argc arguments that are neither options nor the action; a NULL stands behind them. As many were given
 * as the table wants. Returns an enum exit_code (or what the command's details say). */
typedef int command_function(struct command_context *context, int argc, char **argv);

/* An argument is written in capitals, such as FILE; those that may be left out in brackets. See command_completion. */
struct command_option {
    const char *name;     /* without its dashes */
    const char *argument; /* NULL when it takes none */
    const char *summary;
    const char *actions; /* the only ones that take it, with spaces between; NULL: the whole command */
};
enum { COMMAND_MOST_OPTIONS = 16 };

struct command_action {
    const char *name, *arguments, *summary;
};

struct command {
    const char *name;
    const char *arguments; /* such as "ENTITY FILE", "NAME FILE..."; where it has actions, those without one */
    const char *summary;
    const struct command_option *options; /* ends with one without a name; NULL when there are none */
    const struct command_action *actions; /* ends with one without a name; NULL when there are none */
    bool action_optional;                 /* it does something without an action, too */
    bool bare;                            /* runs without oriel.json */
    const char *details;                  /* paragraphs for `oriel help COMMAND`; NULL for none */
    command_function *run;
};

extern const struct command command_change;
extern const struct command command_check;
extern const struct command command_complete;
extern const struct command command_contract;
extern const struct command command_help;
extern const struct command command_init;
extern const struct command command_new;
extern const struct command command_prunable;
extern const struct command command_prune;
extern const struct command command_pull;
extern const struct command command_readers;
extern const struct command command_refuse;
extern const struct command command_rejects;
extern const struct command command_release;
extern const struct command command_replay;
extern const struct command command_status;
extern const struct command command_try;
extern const struct command command_work;
extern const struct command *const command_table[];   /* by name; NULL-terminated */
extern const struct command_option command_globals[]; /* those before the command; ends with one without a name */

/* The command or the action of that name; a wrong one is told with the nearest. NULL and -1. */
const struct command *command_find(const char *name) must_check;
int command_find_action(const struct command *command, const char *name) must_check;

/* Fills context's options and action from the arguments behind the command's name (argv[0]). *argc and *argv are then
 * those that are left. False after a message. *help: --help was among them, and nothing was checked further. */
bool command_parse(const struct command *command, struct command_context *context, int *argc, char ***argv,
                   bool *help) must_check;

/* What `oriel help` and `oriel help COMMAND` say. */
void command_print_overview(void);
void command_print_help(const struct command *command);

/* Connects as the writer to a database whose bookkeeping is of this program's version. NULL after a message. Free with
 * PQfinish. */
PGconn *command_connect(struct command_context *context) must_check;
/* Loads the configuration of the domain, once it is known that the database can be had and is of this program's
 * version. NULL after a message, *code is the command's then. Free with domain_free. */
struct domain *command_domain(struct command_context *context, int *code) must_check;
/* Tells a wrong use of the command and where its help is; returns EXIT_USAGE. */
int command_usage(const char *command, const char *format, ...) printf_like(2, 3);

#endif
