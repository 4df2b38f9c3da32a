/*
 * Between entity.c, which reads one file, and entity_set.c, which reads a folder of them.
 */
#ifndef ORIEL_ENTITY_LOAD_H
#define ORIEL_ENTITY_LOAD_H

#include "worker/entity.h"

/* Reads what cfg_open or cfg_parse gave. NULL after messages. */
struct entity *entity_load(struct arena *a, const struct cfg *c) must_check;

#endif
