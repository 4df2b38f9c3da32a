/*
 * One field of an entity file. Private to entity.c.
 */
#ifndef ORIEL_ENTITY_FIELD_H
#define ORIEL_ENTITY_FIELD_H

#include "worker/entity.h"

/* Reads the object at c; mistakes are told through cfg. Everything lives in a. */
void field_load(struct field *f, const struct cfg *c, struct arena *a);

#endif
