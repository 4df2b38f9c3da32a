/*
 * Errors that the plan finds by itself, in PostgREST's codes.
 */
#ifndef ORIEL_PLAN_ERROR_H
#define ORIEL_PLAN_ERROR_H

#include "fcgi-app/plan.h"

/* Fills in e, with the status that belongs to code, and returns -1, so that a caller can say `return plan_fail(…)`.
 * details and hint may be NULL. */
int plan_fail(struct api_error *e, const char *code, const char *message, const char *details, const char *hint);

/* ORIEL001: the request needs a contract that is withheld. Always -1. */
int plan_fail_withheld(struct api_error *e, struct arena *a, const struct api_contract *contract);

/* PGRST108: a path or an order names an embed that is not there. Always -1. */
int plan_fail_not_embedded(struct api_error *e, struct arena *a, const char *name);

/* The HTTP status of a code of ours or of PostgREST's; 500 for one that is not in the table. */
int plan_error_status(const char *code);

/* A stranger's text, fit for a message: valid UTF-8, not too long, with double quotes and backslashes escaped when
 * quoted is asked for. */
const char *plan_error_text(struct arena *a, const char *text, bool quoted);

#endif
