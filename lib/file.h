/*
 * Files that a person wrote and a program reads whole: configuration, keys.
 */
#ifndef ORIEL_FILE_H
#define ORIEL_FILE_H

#include <sys/stat.h>

#include "lib/buf.h"

/* Appends the bytes of a regular file to b, whose maximum is the largest that the file may be. st (may be NULL) gets
 * what the system knows of it. -1 after a message. */
int file_read(struct buf *b, const char *path, struct stat *st) must_check;

#endif
