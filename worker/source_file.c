#include "worker/source_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <openssl/evp.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/text.h"
#include "worker/input.h"

static long long now_ms(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

struct file_state file_state_of(const struct stat *st)
{
    return (struct file_state){.device = st->st_dev,
                               .inode = st->st_ino,
                               .size = st->st_size,
                               .modified = st->st_mtim,
                               .changed = st->st_ctim};
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool file_contents_same(const struct file_state *a, const struct file_state *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size && same_time(a->modified, b->modified);
}

bool file_state_same(const struct file_state *a, const struct file_state *b)
{
    return file_contents_same(a, b) && same_time(a->changed, b->changed);
}

int drop_open(const char *path, struct stat *st)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
    if (fd < 0)
        return -1;
    int why = fstat(fd, st) < 0 ? errno : S_ISREG(st->st_mode) ? 0 : ELOOP;
    if (!why)
        return fd;
    close(fd);
    errno = why;
    return -1;
}

void drop_init(struct drop *d, const struct source *source)
{
    *d = (struct drop){.source = source};
}

static void release_files(struct drop_file *files, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(files[i].name);
        free(files[i].path);
    }
    free(files);
}

void drop_release(struct drop *d)
{
    release_files(d->files, d->n);
    d->files = NULL;
    d->n = 0;
}

/* ---- scanning ---- */

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

/* Names that say that the file is still being written. */
static bool is_unfinished(const char *name)
{
    return *name == '.' || ends_with(name, ".part") || ends_with(name, ".tmp");
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct drop_file *)a)->name, ((const struct drop_file *)b)->name);
}

static int is_named(const void *name, const void *file)
{
    return strcmp(name, ((const struct drop_file *)file)->name);
}

static struct drop_file *find(const struct drop *d, const char *name)
{
    return d->n ? bsearch(name, d->files, d->n, sizeof *d->files, is_named) : NULL;
}

/* A client must not make the worker wait at a FIFO, or read through a symlink what only the worker may read. */
static void tell_odd(const struct drop *d, const char *name)
{
    log_warn("source %s: leaves %s in %s alone: it is no regular file; put the file itself there", d->source->name,
             name, d->source->folder);
}

/* Adds a file to the list that a scan makes, with what was known of it while it is in the same state. */
static void add_file(const struct drop *old, struct drop_file **list, size_t *n, size_t *room, const char *name,
                     const struct stat *st)
{
    if (*n == *room) {
        *room = *room ? *room * 2 : 16;
        *list = mem_realloc(*list, *room * sizeof **list);
    }
    struct drop_file *f = &(*list)[(*n)++], *known = find(old, name);
    *f = (struct drop_file){.state = file_state_of(st), .seen_ms = now_ms(CLOCK_MONOTONIC)};
    if (known && file_state_same(&known->state, &f->state))
        *f = *known;
    f->odd = !S_ISREG(st->st_mode);
    f->done |= f->odd;
    if (f->odd && !S_ISDIR(st->st_mode))
        f->problem = "it is no regular file";
    if (f->odd && !(known && known->odd))
        tell_odd(old, name);
    size_t size = strlen(old->source->folder) + strlen(name) + 2;
    f->name = mem_strdup(name);
    f->path = mem_alloc(size);
    snprintf(f->path, size, "%s/%s", old->source->folder, name);
}

/* Names go into text columns, so one that is no text is left alone. */
static bool is_meant(struct drop *d, const char *name)
{
    if (is_unfinished(name) || fnmatch(d->source->pattern, name, 0) != 0)
        return false;
    if (text_utf8_valid(name, strlen(name)) == strlen(name))
        return true;
    if (!d->told_name)
        log_warn("source %s: leaves files in %s alone whose names are not UTF-8; rename them", d->source->name,
                 d->source->folder);
    d->told_name = true;
    return false;
}

int drop_scan(struct drop *d)
{
    DIR *folder = opendir(d->source->folder);
    if (!folder) {
        if (!d->told)
            log_errno("source %s: cannot read its folder %s; looking again until it is there", d->source->name,
                      d->source->folder);
        d->told = true;
        return -1;
    }
    d->told = false;
    struct drop_file *list = NULL;
    size_t n = 0, room = 0;
    for (struct dirent *e; (e = readdir(folder));) {
        struct stat st;
        if (is_meant(d, e->d_name) && fstatat(dirfd(folder), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            add_file(d, &list, &n, &room, e->d_name, &st);
    }
    closedir(folder);
    if (n)
        qsort(list, n, sizeof *list, by_name);
    release_files(d->files, d->n);
    d->files = list;
    d->n = n;
    return 0;
}

/* ---- complete files ---- */

/* Unchanged for long enough by its own time, or, since clocks differ, as long as we have looked at it. */
static bool is_complete(const struct drop *d, const struct drop_file *f)
{
    long long modified = f->state.modified.tv_sec * 1000LL + f->state.modified.tv_nsec / 1000000;
    return now_ms(CLOCK_REALTIME) - modified >= d->source->settle_ms ||
           now_ms(CLOCK_MONOTONIC) - f->seen_ms >= d->source->settle_ms;
}

/* SHA-256 of all of fd, as hexadecimal digits. 0; -1 and errno. */
static int sum(int fd, char hex[65])
{
    enum { BLOCK = 1 << 20 };
    unsigned char digest[32], *block = mem_alloc(BLOCK);
    ssize_t n;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL);
    while (ok && (n = read(fd, block, BLOCK)) != 0) {
        if (n > 0)
            ok = EVP_DigestUpdate(context, block, (size_t)n);
        else
            ok = errno == EINTR;
    }
    ok = ok && EVP_DigestFinal_ex(context, digest, NULL);
    EVP_MD_CTX_free(context);
    free(block);
    for (size_t i = 0; ok && i < sizeof digest; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    return ok ? 0 : -1;
}

/* Says by errno why a file could not be read. One that is leased to another program is tried again. */
static void leave_out(const struct drop *d, struct drop_file *f)
{
    *f->sha256 = 0;
    f->done = errno != EAGAIN;
    /* taken away again: no work, and nothing to tell; something else in its place is for the next scan to tell */
    if (!f->done || errno == ENOENT || errno == ELOOP)
        return;
    f->problem = strerrordesc_np(errno);
    log_errno("source %s: cannot read %s; it is left out until it changes", d->source->name, f->path);
}

/* A gzip that does not end well has not come whole, or is broken: it waits for its next state. */
static bool ends_well(const struct drop *d, struct drop_file *f, int fd)
{
    const char *problem = input_gzip_problem(fd);
    if (!problem)
        return true;
    log_warn("source %s: leaves %s out until it changes: %s", d->source->name, f->path, problem);
    *f->sha256 = 0;
    f->done = true;
    f->problem = problem;
    return false;
}

/* Reads the file for its sum. Whether it stayed the same meanwhile, is whole, and the sum is known. */
static bool sum_file(const struct drop *d, struct drop_file *f)
{
    struct stat st;
    int fd = drop_open(f->path, &st);
    if (fd < 0 || sum(fd, f->sha256) < 0 || fstat(fd, &st) < 0)
        leave_out(d, f);
    else {
        struct file_state now = file_state_of(&st);
        if (!file_contents_same(&now, &f->state))
            *f->sha256 = 0; /* the next scan sees its new state */
        else
            (void)ends_well(d, f, fd);
    }
    if (fd >= 0)
        close(fd);
    return *f->sha256;
}

static bool is_next(const struct drop *d, struct drop_file *f)
{
    return !f->done && is_complete(d, f) && (*f->sha256 || sum_file(d, f));
}

struct drop_file *drop_next(struct drop *d, const char *first)
{
    struct drop_file *preferred = first ? find(d, first) : NULL;
    if (preferred && is_next(d, preferred))
        return preferred;
    for (struct drop_file *f = d->files; f < d->files + d->n; f++)
        if (is_next(d, f))
            return f;
    return NULL;
}

const struct drop_file *drop_left_out(const struct drop *d, size_t *n)
{
    const struct drop_file *first = NULL;
    *n = 0;
    for (const struct drop_file *f = d->files; f < d->files + d->n; f++)
        if (f->problem && ++*n == 1)
            first = f;
    return first;
}

void drop_renamed(struct drop *d, const char *name)
{
    struct drop_file *f = find(d, name);
    if (f)
        f->seen_ms = -d->source->settle_ms - 1;
}

void drop_move_done(const struct drop *d, const struct drop_file *f)
{
    struct arena a;
    arena_init(&a);
    const char *to = arena_printf(&a, "%s/%s", d->source->done, f->name);
    if ((mkdir(d->source->done, 0777) < 0 && errno != EEXIST) ||
        (renameat2(AT_FDCWD, f->path, AT_FDCWD, to, RENAME_NOREPLACE) < 0 &&
         (errno != EEXIST || rename(f->path, arena_printf(&a, "%s.%.12s", to, f->sha256)) < 0)))
        log_errno("source %s: cannot move %s to %s; it stays", d->source->name, f->path, d->source->done);
    arena_release(&a);
}
