/*
 * Messages for people, one line each, on standard error. A daemon's line begins with time, program, pid and level; a
 * command's line only with the program's name. Bytes below space and DEL are escaped, so no input can forge a line.
 *
 * The rule of the house: a message is logged once, where the thing happened, with what was being done and to what;
 * callers that only pass the failure on say nothing more.
 */
#ifndef ORIEL_LOG_H
#define ORIEL_LOG_H

#include "lib/base.h"
#include "lib/buf.h"

enum log_style { LOG_COMMAND, LOG_DAEMON };

/* program: a string that stays. Without a call the style is LOG_COMMAND and the name "oriel". */
void log_init(const char *program, enum log_style style);
/* Sends lines into b (one per message, "\n" at its end, without time or program) instead; NULL ends that. For tests
 * and for callers that must show a message elsewhere. */
void log_capture(struct buf *b);

void log_info(const char *format, ...) printf_like(1, 2);
void log_warn(const char *format, ...) printf_like(1, 2);
void log_error(const char *format, ...) printf_like(1, 2);
/* As log_error, with ": " and the text of the errno at the call behind it. */
void log_errno(const char *format, ...) printf_like(1, 2);

#endif
