#include "worker/delivery.h"

#include <fcntl.h>
#include <unistd.h>

#include "lib/log.h"

static const char find_sql[] = "SELECT id, next_offset, records, finished_at IS NOT NULL FROM oriel.delivery\n"
                               "WHERE source = $1 AND sha256 = $2 AND size = $3::bigint";
static const char half_loaded_sql[] =
    "SELECT name FROM oriel.delivery WHERE source = $1 AND finished_at IS NULL AND next_offset > 0 ORDER BY id LIMIT 1";

/* Fills in what Postgres knows of these contents. 1: they are loaded already; 0; -1. */
static int look_up(struct delivery *d, struct session *s)
{
    char size[32];
    snprintf(size, sizeof size, "%lld", (long long)d->state.size);
    PGresult *r =
        session_query(s, "looking a delivery up", find_sql, 3, (const char *[]){d->source->name, d->sha256, size});
    if (!r)
        return -1;
    int finished = 0;
    if (PQntuples(r)) {
        d->id = session_integer(r, 0, 0);
        d->offset = (uint64_t)session_integer(r, 0, 1);
        d->records = session_integer(r, 0, 2);
        finished = *PQgetvalue(r, 0, 3) == 't';
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
