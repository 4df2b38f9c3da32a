#include "worker/new_write.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/log.h"

enum { LARGEST_TEXT = 4 << 20 };

struct buf *new_files_add(struct new_files *f, const char *path)
{
    f->list[f->n].path = path;
    buf_init(&f->list[f->n].text, LARGEST_TEXT);
    return &f->list[f->n++].text;
}

int new_files_check(const struct new_files *f)
{
    struct stat st;
    for (size_t i = 0; i < f->n; i++)
        if (lstat(f->list[i].path, &st) == 0) {
            log_error("%s is there already, so nothing was written; give the entity another name, or move that away",
                      f->list[i].path);
            return -1;
        }
    return 0;
}

/* The folders above path. */
static int make_folders(const char *path)
{
    struct arena a;
    int result = 0;
    arena_init(&a);
    char *folder = arena_strdup(&a, path);
    for (char *slash = strchr(folder + 1, '/'); slash && result == 0; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(folder, 0777) < 0 && errno != EEXIST) {
            log_errno("cannot make the folder %s", folder);
            result = -1;
        }
        *slash = '/';
    }
    arena_release(&a);
    return result;
}

static int write_one(const char *path, const struct buf *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
    if (!out) {
        log_errno("cannot make %s", path);
        if (fd >= 0)
            close(fd);
        return -1;
    }
    bool good = fwrite(text->data, 1, text->len, out) == text->len;
    if (fclose(out) == 0 && good)
        return 0;
    log_errno("cannot write %s", path);
    unlink(path);
    return -1;
}

void new_files_remove(const struct new_files *f, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char folder[4096];
        const char *slash = strrchr(f->list[i].path, '/');
        unlink(f->list[i].path);
        snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - f->list[i].path) : 0, f->list[i].path);
        rmdir(folder); /* which it only does when it is empty */
    }
}

int new_files_write(const struct new_files *f)
{
    for (size_t i = 0; i < f->n; i++) {
        if (f->list[i].text.failed)
            log_error("%s would be larger than %d MiB", f->list[i].path, LARGEST_TEXT >> 20);
        if (f->list[i].text.failed || make_folders(f->list[i].path) < 0 ||
            write_one(f->list[i].path, &f->list[i].text) < 0) {
            new_files_remove(f, i);
            return -1;
        }
    }
    return 0;
}

void new_files_release(struct new_files *f)
{
    for (size_t i = 0; i < f->n; i++)
        buf_release(&f->list[i].text);
    f->n = 0;
}
