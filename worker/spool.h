/*
 * Files without a name, for what was fetched and is to be read: they are gone with their last descriptor.
 */
#ifndef ORIEL_SPOOL_H
#define ORIEL_SPOOL_H

#include "lib/base.h"

/* In $TMPDIR, else /tmp. -1 after a message. */
int spool_open(void) must_check;
int spool_write(int fd, const void *bytes, size_t n) must_check; /* all of it; -1 after a message */

#endif
