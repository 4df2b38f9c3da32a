/*
 * Sources of kind "file": a drop folder whose files are deliveries.
 */
#include "worker/source_kind.h"

struct watching {
    struct drop drop;
    bool half_loaded_first; /* nothing was taken since the start: what was half loaded comes first */
};

static const char *const keys[] = {"folder", "pattern", "poll", "settle", NULL};

static void load(struct source *s, struct arena *a, const struct cfg *root, const struct settings *settings)
{
    const char *folder = cfg_need_string(root, "folder");
    s->folder = *folder == '/' ? folder : arena_printf(a, "%s/%s", settings->drop, folder);
    s->pattern = cfg_need_string(root, "pattern");
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
    drop_init(&w->drop, p->source);
}

static void release(struct pull *p)
{
    drop_release(&((struct watching *)p->state)->drop);
    free(p->state);
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
    if (drop_scan(&w->drop) < 0) {
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

const struct source_kind source_kind_file = {
    .name = "file", .keys = keys, .load = load, .open = open_watch, .release = release, .look = look};
