#include "worker/kept.h"

#include <string.h>

uint32_t kept_integer(const PGresult *r, int row, int column)
{
    const unsigned char *b = (const unsigned char *)PQgetvalue(r, row, column);
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* Another kind of format cuts records otherwise, so it cannot say how these are to be read. */
static void take_todays_format(struct format *f, const struct source_set *sources, const char *name)
{
    for (size_t i = 0; sources && i < sources->n; i++)
        if (strcmp(sources->list[i].name, name) == 0 && sources->list[i].format.kind == f->kind)
            *f = sources->list[i].format;
}

int kept_read(struct kept *k, struct arena *a, struct session *s, const PGresult *r, int row,
              const struct source_set *sources)
{
    *k = (struct kept){.id = session_integer(r, row, 0), .client = PQgetvalue(r, row, 1)};
    bool ok = format_parse(&k->format, a, PQgetvalue(r, row, 2)) == 0;
    if (ok)
        take_todays_format(&k->format, sources, PQgetvalue(r, row, 4));
    if (ok && !PQgetisnull(r, row, 3)) {
        size_t n;
        unsigned char *bytes = PQunescapeBytea((const unsigned char *)PQgetvalue(r, row, 3), &n);
        if (bytes)
            arena_hook(a, PQfreemem, bytes);
        k->header = bytes ? reader_parse_header(&k->format, (const char *)bytes, n, a) : NULL;
        ok = k->header;
    }
    if (!ok)
        failure_set(&s->failure, "XX001", "reading kept records", "format or header of raw batch %lld cannot be read",
                    (long long)k->id);
    return ok ? 0 : -1;
}
