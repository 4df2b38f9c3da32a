/*
 * A domain as the worker reads it: settings, entity files and sources, all of one moment, in one arena.
 */
#ifndef ORIEL_DOMAIN_H
#define ORIEL_DOMAIN_H

#include "worker/source.h"

struct domain {
    struct arena arena;
    struct settings settings;
    struct entity_set entities;
    struct source_set sources;
};

/* Reads everything. database, when not NULL, is taken in place of the one in the settings and must stay. NULL after
 * messages that tell every mistake. */
struct domain *domain_load(const char *config, const char *database) must_check;
void domain_free(struct domain *d); /* NULL is nothing */

#endif
