/*
 * Texts with names in them, so that SQL can be read as SQL where it is written: ${name} is replaced. Pure.
 */
#ifndef ORIEL_TEMPLATE_H
#define ORIEL_TEMPLATE_H

#include "lib/buf.h"

/* Appends what the name (n bytes) stands for; false when there is no such name. */
typedef bool template_put(const void *context, struct buf *b, const char *name, size_t n);

/* Appends the template with its names filled in. A name that is nowhere is a mistake in the program: b fails. */
void template_expand(struct buf *b, const char *template, template_put *put, const void *context);
bool template_is(const char *name, size_t n, const char *what);

#endif
