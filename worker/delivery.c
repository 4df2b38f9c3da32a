#include "worker/delivery.h"

#include <fcntl.h>
#include <unistd.h>

#include "lib/log.h"

/* The last column: something else came later, so that this file is not the one that was loaded and still lies there. */
static const char find_sql[] =
    "SELECT d.id, d.next_offset, d.records, d.finished_at IS NOT NULL, d.name,\n"
    "       EXISTS (SELECT FROM oriel.delivery l\n"
    "               WHERE l.source = d.source AND l.id > d.id AND (l.name = $4 OR d.name <> $4))\n"
    "FROM oriel.delivery d WHERE d.source = $1 AND d.sha256 = $2 AND d.size = $3::bigint";
static const char half_loaded_sql[] =
    "SELECT name FROM oriel.delivery WHERE source = $1 AND finished_at IS NULL AND next_offset > 0 ORDER BY id LIMIT 1";

/* Content is known for ever, so a client who goes back to what was delivered before would not get through: that is
 * told. */
static void tell_known(const struct delivery *d, const char *name, bool others_since)
{
    if (others_since)
        log_warn("source %s: %s has the content of %s, so it is no work, and what came after that stays; where it is "
                 "meant anew, change a byte of it (a line end more, say)",
                 d->source->name, d->name, name);
    else if (strcmp(d->name, name) != 0)
        log_info("source %s: %s has the content of %s, which is loaded, so it is no work", d->source->name, d->name,
                 name);
}

/* Fills in what Postgres knows of these contents. 1: they are loaded already; 0; -1. */
static int look_up(struct delivery *d, struct session *s)
{
    char size[32];
    snprintf(size, sizeof size, "%lld", (long long)d->state.size);
    PGresult *r = session_query(s, "looking a delivery up", find_sql, 4,
                                (const char *[]){d->source->name, d->sha256, size, d->name});
    if (!r)
        return -1;
    int finished = 0;
    if (PQntuples(r)) {
        d->id = session_integer(r, 0, 0);
        d->offset = (uint64_t)session_integer(r, 0, 1);
        d->records = session_integer(r, 0, 2);
        finished = *PQgetvalue(r, 0, 3) == 't';
        if (finished)
            tell_known(d, PQgetvalue(r, 0, 4), *PQgetvalue(r, 0, 5) == 't');
    }
    PQclear(r);
    return finished;
}

static void keep_header(struct delivery *d, const struct reader *r)
{
    const char *header = reader_header(r, &d->header_len);
    if (header)
        d->header = memcpy(mem_alloc(d->header_len + 1), header, d->header_len);
}

/* Inside a file the header is read from its beginning first. */
int delivery_open_reader(struct delivery *d, uint64_t offset)
{
    const struct format *f = &d->source->format;
    const char *name = d->path ? d->path : d->name;
    struct reader *start = reader_open(f, d->fd, name, 0, NULL, 0);
    d->offset = offset;
    if (!start)
        return -1;
    keep_header(d, start);
    if (offset == 0) {
        d->reader = start;
        return 0;
    }
    reader_free(start);
    d->reader = reader_open(f, d->fd, name, offset, d->header, d->header_len);
    return d->reader ? 0 : -1;
}

static enum delivery_found open_file(struct delivery *d)
{
    struct stat st;
    d->fd = drop_open(d->path, &st);
    if (d->fd < 0 || !delivery_unchanged(d))
        return DELIVERY_CHANGED;
    posix_fadvise(d->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    return delivery_open_reader(d, d->offset) == 0 ? DELIVERY_OPEN : DELIVERY_UNREADABLE;
}

enum delivery_found delivery_open(struct delivery *d, struct session *s, const struct source *source,
                                  const struct drop_file *file)
{
    *d = (struct delivery){.source = source,
                           .name = mem_strdup(file->name),
                           .path = mem_strdup(file->path),
                           .state = file->state,
                           .fd = -1};
    memcpy(d->sha256, file->sha256, sizeof d->sha256);
    int known = look_up(d, s);
    enum delivery_found found = known < 0 ? DELIVERY_UNKNOWN : known ? DELIVERY_DONE : open_file(d);
    if (found != DELIVERY_OPEN)
        delivery_close(d);
    else if (d->offset)
        log_info("source %s: %s goes on at byte %llu, after %lld records", source->name, d->name,
                 (unsigned long long)d->offset, d->records);
    return found;
}

void delivery_drop_part(struct delivery *d)
{
    reader_free(d->reader);
    if (d->fd >= 0)
        close(d->fd);
    free(d->header);
    d->reader = NULL;
    d->header = NULL;
    d->header_len = 0;
    d->fd = -1;
}

void delivery_close(struct delivery *d)
{
    delivery_drop_part(d);
    free(d->name);
    free(d->path);
    *d = (struct delivery){.fd = -1};
}

bool delivery_has_more(const struct delivery *d)
{
    return d->more && (d->part_records || !d->more_unless_empty);
}

long long delivery_mark(const struct delivery *d, uint64_t offset, long long records)
{
    return d->pull ? records : (long long)offset;
}

bool delivery_unchanged(const struct delivery *d)
{
    if (d->pull)
        return true;
    struct stat st;
    if (fstat(d->fd, &st) < 0)
        return false;
    struct file_state now = file_state_of(&st);
    return file_contents_same(&now, &d->state);
}

int delivery_half_loaded(const char **name, struct arena *a, struct session *s, const struct source *source)
{
    PGresult *r = session_query(s, "looking for a half loaded delivery", half_loaded_sql, 1, &source->name);
    if (!r)
        return -1;
    *name = PQntuples(r) ? arena_strdup(a, PQgetvalue(r, 0, 0)) : NULL;
    PQclear(r);
    return 0;
}
