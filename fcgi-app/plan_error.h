/*
 * Errors that the plan finds by itself, in PostgREST's codes.
 */
#ifndef ORIEL_PLAN_ERROR_H
#define ORIEL_PLAN_ERROR_H

#include "fcgi-app/plan.h"

/* Fills in e, with the status that belongs to code, and returns -1, so that a caller can say `return plan_fail(…)`.
 * details and hint may be NULL. */
int plan_fail(struct api_error *e, const char *code, const char *message, const char *details, const char *hint);

/* The HTTP status of a code of ours or of PostgREST's; 500 for one that is not in the table. */
int plan_error_status(const char *code);

/* A stranger's text, fit for a message: valid UTF-8, not too long, with double quotes and backslashes escaped when
 * quoted is asked for. */
const char *plan_error_text(struct arena *a, const char *text, bool quoted);

#endif
