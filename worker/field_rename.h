/*
 * A renamed field shows as one that is asked for and missing, and one that nobody asks for, in the same records. Pure.
 */
#ifndef ORIEL_FIELD_RENAME_H
#define ORIEL_FIELD_RENAME_H

#include "worker/field_count.h"

/*
 * The place of the unknown field that the missing one may have been renamed to: of the same object, in about as many of
 * these records, which are at least half of them; and its name is alike, or there is no other that came at the same
 * time. NULL: none. list: all unknown and missing fields of the same source.
 */
const char *field_renamed_to(const struct field_deviation *missing, const struct field_deviation *list, size_t n,
                             long long records);

#endif
