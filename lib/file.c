#include "lib/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/log.h"

/* Nobody waits at a FIFO that lies where a file should. NULL after a message. */
static FILE *open_regular(const char *path, struct stat *st)
{
    FILE *f = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, st) < 0)
        log_errno("cannot read %s", path);
    else if (!S_ISREG(st->st_mode))
        log_error("cannot read %s: it is no regular file, so it is none of Oriel's files", path);
    else if (!(f = fdopen(fd, "r")))
        log_errno("cannot read %s", path);
    if (!f && fd >= 0)
        close(fd);
    return f;
}

int file_read(struct buf *b, const char *path, struct stat *st)
{
    struct stat found;
    int result = -1;
    char block[65536];
    FILE *f = open_regular(path, st ? st : &found);
    if (!f)
        return -1;
    for (size_t n; (n = fread(block, 1, sizeof block, f)) > 0;)
        buf_put(b, block, n);
    if (ferror(f))
        log_errno("cannot read %s", path);
    else if (b->failed)
        log_error("%s: larger than %zu KiB, so it is none of Oriel's files", path, b->max >> 10);
    else
        result = 0;
    fclose(f);
    return result;
}
