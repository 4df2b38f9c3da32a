#include "fcgi-app/data_version.h"

#include <string.h>

#include "lib/buf.h"
#include "lib/text.h"

enum { HOLDS_FOR = 100 }; /* ms, where the worker cannot be heard: on a standby */

const char data_sources_sql[] = "SELECT s.view, s.sources FROM api.oriel_data_sources() s";
const char data_version_sql[] =
    "SELECT v.version, pg_catalog.trunc(EXTRACT(epoch FROM v.changed_at))::bigint FROM api.oriel_data_version($1) v";

void data_version_read(struct data_version *v, const PGresult *r)
{
    *v = (struct data_version){0};
    if (!r || PQresultStatus(r) != PGRES_TUPLES_OK || PQntuples(r) != 1 || PQnfields(r) != 2 ||
        (size_t)PQgetlength(r, 0, 0) != sizeof v->hash - 1)
        return;
    memcpy(v->hash, PQgetvalue(r, 0, 0), sizeof v->hash);
    v->changed_at = strtoll(PQgetvalue(r, 0, 1), NULL, 10);
    text_http_date(v->changed_at, v->changed);
    v->known = true;
}

static size_t place_of(const char *sources)
{
    size_t hash = 0;
    for (; *sources; sources++)
        hash = hash * 31 + (unsigned char)*sources;
    return hash % ARRAY_SIZE(((struct data_versions *)0)->kept);
}

const struct data_version *data_versions_find(const struct data_versions *v, const char *sources, int64_t now,
                                              unsigned long heard)
{
    const struct kept_version *k = &v->kept[place_of(sources)];
    bool holds = k->heard == heard && now - k->read_at < HOLDS_FOR && strcmp(k->sources, sources) == 0;
    return holds && k->version.known ? &k->version : NULL;
}

void data_versions_keep(struct data_versions *v, const char *sources, const struct data_version *version,
                        int64_t read_at, unsigned long heard)
{
    struct kept_version *k = &v->kept[place_of(sources)];
    size_t n = strlen(sources);
    if (n >= sizeof k->sources)
        return;
    *k = (struct kept_version){.version = *version, .read_at = read_at, .heard = heard};
    memcpy(k->sources, sources, n + 1);
}

/* What is known of the contracts of a plan. */
struct contracts {
    bool unknown;       /* one has no sources */
    struct buf sources; /* an array as Postgres writes it, from its first element on */
    struct buf shape;   /* all else that the answer depends on */
};

static void add(struct contracts *all, const struct api_contract *c)
{
    size_t n = c->sources ? strlen(c->sources) : 0;
    if (n < 2 || !c->definition) {
        all->unknown = true;
        return;
    }
    if (all->sources.len > 1 && n > 2)
        buf_putc(&all->sources, ',');
    buf_put(&all->sources, c->sources + 1, n - 2);
    buf_puts(&all->shape, c->definition);
    buf_putc(&all->shape, ' ');
}

/* Recursion is bounded by the depth of embeds that the parser allows. */
static void add_embeds(struct contracts *all, const struct ast *level)
{
    for (const struct ast_item *i = level->items; i; i = i->next) {
        if (i->kind != ITEM_EMBED)
            continue;
        const struct relation *relation = &i->embed->relation;
        add(all, relation->target);
        if (relation->junction)
            add(all, relation->junction);
        add_embeds(all, &i->embed->level);
    }
}

static void put_texts(struct buf *shape, const char *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        buf_putc(shape, '\n');
        buf_puts(shape, texts[i] ? texts[i] : "-");
    }
}

static void put_numbers(struct buf *shape, const long long *numbers, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        buf_putc(shape, i ? ' ' : '\n');
        buf_put_integer(shape, numbers[i]);
    }
}

/*
 * All that an answer depends on beside the data: another of these is another answer. That includes what makes headers
 * of the configuration and of the contract's comment: a cache that is told 304 keeps those that it has. Values of
 * headers hold no line's end, so none can pass for another.
 */
static void put_shape(struct buf *shape, const struct plan *p, const struct api *api, const struct request *r)
{
    const struct contract *c = p->contract;
    const char *const texts[] = {r->path,   r->query,  p->profile,   p->preference_applied, p->time_zone,
                                 p->claims, c->sunset, c->successor, p->cors.allow_origin,  ORIEL_VERSION};
    const long long numbers[] = {api->max_rows,  p->media,        p->strip_nulls, p->count,
                                 p->offset,      p->limit,        p->exact_up_to, c->cache_seconds,
                                 p->cors.varies, p->takes_tokens, c->deprecated};
    put_texts(shape, texts, ARRAY_SIZE(texts));
    put_numbers(shape, numbers, ARRAY_SIZE(numbers));
}

void data_version_plan(struct plan *p, struct arena *a, const struct api *api, const struct request *r,
                       const struct api_contract *root, const struct ast *ast)
{
    struct contracts all = {0};
    buf_init(&all.sources, SIZE_MAX / 2);
    buf_init(&all.shape, SIZE_MAX / 2);
    buf_putc(&all.sources, '{');
    add(&all, root);
    add_embeds(&all, ast);
    buf_putc(&all.sources, '}');
    put_shape(&all.shape, p, api, r);
    if (!all.unknown) {
        p->sources = arena_memdup(a, all.sources.data, all.sources.len);
        p->shape = arena_memdup(a, all.shape.data, all.shape.len);
    }
    buf_release(&all.sources);
    buf_release(&all.shape);
}
