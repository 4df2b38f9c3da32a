/*
 * `oriel rejects show`: one record as it came, with the values marked that were not taken, and all that was said of it.
 */
#ifndef ORIEL_REJECTS_SHOW_H
#define ORIEL_REJECTS_SHOW_H

#include "worker/command.h"

/* at: batch and line. Returns an enum exit_code. */
int rejects_show(struct command_context *context, PGconn *c, const char *const at[2], bool json);

#endif
