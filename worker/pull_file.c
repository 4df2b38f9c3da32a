/*
 * Sources of kind "file": a drop folder whose files are deliveries.
 */
#include <sys/inotify.h>
#include <unistd.h>

#include "worker/source_kind.h"

struct watching {
    struct drop drop;
    bool half_loaded_first; /* nothing was taken since the start: what was half loaded comes first */
    int inotify;  /* -1: there is none, and only polling finds files; it does so beside it, too, since a folder
                     on another machine sends no events */
    bool watched; /* the folder is; once it has been there */
};

static const char *const keys[] = {"folder", "pattern", "poll", "settle", "done", NULL};

static void load(struct source *s, struct arena *a, const struct cfg *root, const struct settings *settings)
{
    const char *folder = cfg_need_string(root, "folder");
    s->folder = *folder == '/' ? folder : arena_printf(a, "%s/%s", settings->drop, folder);
    s->pattern = cfg_need_string(root, "pattern");
    s->done = cfg_string(root, "done", NULL);
    if (s->done && *s->done != '/')
        s->done = arena_printf(a, "%s/%s", s->folder, s->done);
    format_load(&s->format, root);
    s->schedule.every_ms = cfg_duration_ms(root, "poll", "1s");
    s->settle_ms = cfg_duration_ms(root, "settle", "2s");
    if (s->schedule.every_ms < 10)
        cfg_error(cfg_get(root, "poll"), "must be at least 10ms");
}

static void open_watch(struct pull *p)
{
    struct watching *w = p->state = mem_alloc(sizeof *w);
    w->half_loaded_first = true;
    w->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    drop_init(&w->drop, p->source);
}

static void release(struct pull *p)
{
    struct watching *w = p->state;
    if (w->inotify >= 0)
        close(w->inotify);
    drop_release(&w->drop);
    free(w);
}

static int idle_fd(const struct pull *p)
{
    return ((const struct watching *)p->state)->inotify;
}

/* Looks at the folder. What was renamed in it since the last time is complete without waiting. */
static int scan(struct watching *w)
{
    char events[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t n = w->watched ? read(w->inotify, events, sizeof events) : 0;
    if (!w->watched && w->inotify >= 0)
        w->watched =
            inotify_add_watch(w->inotify, w->drop.source->folder, IN_MOVED_TO | IN_CLOSE_WRITE | IN_ONLYDIR) >= 0;
    if (drop_scan(&w->drop) < 0) {
        w->watched = false; /* another folder may come in its place */
        return -1;
    }
    const struct inotify_event *e;
    for (ssize_t at = 0; at < n; at += (ssize_t)(sizeof *e + e->len)) {
        e = (const void *)(events + at);
        if (e->mask & IN_MOVED_TO && e->len)
            drop_renamed(&w->drop, e->name);
    }
    return 0;
}

/* Takes the next complete file in hand, `first` before all others. */
static enum pull_result take_file(struct pull *p, struct session *s, struct delivery *d, const char *first)
{
    struct watching *w = p->state;
    for (struct drop_file *file; (file = drop_next(&w->drop, first));) {
        switch (delivery_open(d, s, p->source, file)) {
        case DELIVERY_OPEN:
            w->half_loaded_first = false;
            return PULL_OPEN;
        case DELIVERY_DONE:
            file->done = true;
            if (p->source->done)
                drop_move_done(&w->drop, file);
            continue;
        case DELIVERY_CHANGED:
            return PULL_NOTHING;
        case DELIVERY_UNREADABLE:
            pull_tell(p, "%s cannot be read (the log says why); mend it or take it away, then reload", file->name);
            return PULL_STOP;
        case DELIVERY_UNKNOWN:
            return PULL_RETRY;
        }
    }
    return PULL_NOTHING;
}

/* What was half loaded comes first after a start, so that the order is as if nothing had happened. */
static enum pull_result look(struct pull *p, struct session *s, struct delivery *d)
{
    struct watching *w = p->state;
    struct arena a;
    const char *first = NULL;
    if (scan(w) < 0) {
        pull_tell(p, "its folder cannot be read");
        p->logged = true;
        p->pause_ms = p->source->schedule.every_ms;
        return PULL_WAIT;
    }
    arena_init(&a);
    enum pull_result result = PULL_RETRY;
    if (!w->half_loaded_first || delivery_half_loaded(&first, &a, s, p->source) == 0)
        result = take_file(p, s, d, first);
    arena_release(&a);
    return result;
}

/* A delivery that lies there and is not taken must not look like one that was. */
static void remark(struct pull *p)
{
    size_t n;
    const struct drop_file *first = drop_left_out(&((const struct watching *)p->state)->drop, &n);
    if (n == 1)
        pull_tell(p, "%s is left out until it changes: %s", first->name, first->problem);
    else if (n)
        pull_tell(p, "%zu files are left out until they change; the first, %s: %s", n, first->name, first->problem);
}

const struct source_kind source_kind_file = {.name = "file",
                                             .keys = keys,
                                             .load = load,
                                             .open = open_watch,
                                             .release = release,
                                             .look = look,
                                             .remark = remark,
                                             .idle_fd = idle_fd};
