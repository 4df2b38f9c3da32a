/*
 * What stands in a configuration file as the cleaner sees values and documents: an entity file's defaults and limits, a
 * test's document.
 */
#ifndef ORIEL_CFG_VALUE_H
#define ORIEL_CFG_VALUE_H

#include "lib/cfg.h"
#include "worker/document.h"

/* c must be present. Lives in a. */
struct value cfg_value(const struct cfg *c, struct arena *a);
struct document cfg_document(const struct cfg *c, struct arena *a);

#endif
