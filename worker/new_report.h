/*
 * The evidence, for people on a terminal: a line for each column, and what is in doubt.
 */
#ifndef ORIEL_NEW_REPORT_H
#define ORIEL_NEW_REPORT_H

#include "worker/guess.h"

void new_print_evidence(const struct guess *g, const struct guess_field *fields, struct arena *a);
void new_print_doubts(const struct guess *g, const struct guess_field *fields);

#endif
