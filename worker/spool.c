#include "worker/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "lib/log.h"

int spool_open(void)
{
    const char *folder = getenv("TMPDIR");
    char path[4096];
    if (!folder || !*folder)
        folder = "/tmp";
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        return fd;
    /* not every file system can do without a name */
    snprintf(path, sizeof path, "%s/oriel-XXXXXX", folder);
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    else
        log_errno("cannot make a temporary file in %s", folder);
    return fd;
}

int spool_write(int fd, const void *bytes, size_t n)
{
    for (const char *p = bytes; n;) {
        ssize_t put = write(fd, p, n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0) {
            log_errno("cannot write to a temporary file");
            return -1;
        }
        p += put;
        n -= (size_t)put;
    }
    return 0;
}
