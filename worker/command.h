/*
 * The subcommands of `oriel`. Each is a function in a file of its own name (cmd_status.c); main.c holds their table.
 */
#ifndef ORIEL_COMMAND_H
#define ORIEL_COMMAND_H

#include "lib/mem.h"
#include "lib/pg.h"
#include "lib/settings.h"

struct command_context {
    struct arena arena;       /* lives as long as the program */
    const char *config;       /* path of oriel.json */
    const char *database;     /* --database; NULL: as in oriel.json */
    struct settings settings; /* read before the command runs, with database laid over it */
};

/* argv[0] is the subcommand's name. Returns an enum exit_code (or what the command's manual says). */
typedef int command_function(struct command_context *context, int argc, char **argv);

command_function cmd_change, cmd_check, cmd_contract, cmd_init, cmd_readers, cmd_rejects, cmd_status, cmd_try, cmd_work;

/* Connects as the writer to a database whose bookkeeping is of this program's version. NULL after a message. Free with
 * PQfinish. */
PGconn *command_connect(struct command_context *context) must_check;
/* Tells a wrong use of the command and where its help is; returns EXIT_USAGE. */
int command_usage(const char *command, const char *format, ...) printf_like(2, 3);

#endif
