#include "worker/pull.h"

#include <stdarg.h>
#include <unistd.h>

#include "lib/text.h"
#include "worker/intake.h"
#include "worker/source_kind.h"

static const char begin_sql[] =
    "SELECT s.position, d.id, d.records FROM oriel.source s\n"
    "LEFT JOIN oriel.delivery d ON d.source = s.name AND d.sha256 IS NULL AND d.finished_at IS NULL\n"
    "WHERE s.name = $1 ORDER BY d.id LIMIT 1";

void pull_tell(struct pull *p, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(p->message, sizeof p->message, format, args);
    va_end(args);
    p->message[text_utf8_valid(p->message, strlen(p->message))] = 0;
}

int pull_begin(struct pull *p, struct session *s, struct delivery *d)
{
    PGresult *r = session_query(s, "beginning a pull", begin_sql, 1, &p->source->name);
    if (!r)
        return -1;
    delivery_close(d);
    d->source = p->source;
    struct arena *a = &p->arenas[0];
    arena_reset(a);
    bool known = PQntuples(r) > 0;
    position_parse(&p->position, a, p->source->identity,
                   known && !PQgetisnull(r, 0, 0) ? arena_strdup(a, PQgetvalue(r, 0, 0)) : NULL);
    if (known && !PQgetisnull(r, 0, 1)) {
        d->id = session_integer(r, 0, 1);
        d->records = session_integer(r, 0, 2);
    }
    PQclear(r);
    p->passing = true;
    return 0;
}

int pull_take_part(struct pull *p, struct delivery *d, int fd, const char *name, const char *sha256)
{
    const struct position *at = &p->position;
    bool half_stored = at->sha256 && strcmp(at->sha256, sha256) == 0;
    delivery_drop_part(d);
    d->source = p->source;
    d->pull = p;
    free(d->name);
    d->name = mem_strdup(name);
    d->fd = fd;
    d->part_records = half_stored ? at->records : 0;
    snprintf(d->part_sha256, sizeof d->part_sha256, "%s", sha256);
    return delivery_open_reader(d, half_stored ? at->offset : 0);
}

void pull_position(struct pull *p, const struct delivery *d, const struct intake *in, struct arena *a,
                   struct position *out)
{
    *out = (struct position){.of = p->position.of};
    if (in->part_ends) {
        out->at = p->source->kind->next(p, d, in->last, a);
        return;
    }
    out->at = p->position.at;
    out->sha256 = d->part_sha256;
    out->offset = in->next_offset;
    out->records = in->part_records;
}

void pull_moved(struct pull *p, const struct position *position)
{
    struct arena *a = &p->arenas[1];
    struct position moved = {.of = p->source->identity, .offset = position->offset, .records = position->records};
    if (position->at)
        moved.at = arena_strdup(a, position->at);
    if (position->sha256)
        moved.sha256 = arena_strdup(a, position->sha256);
    p->position = moved;
    arena_reset(&p->arenas[0]);
    struct arena before = p->arenas[0];
    p->arenas[0] = *a;
    *a = before;
}
