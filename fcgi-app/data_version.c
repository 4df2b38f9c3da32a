#include "fcgi-app/data_version.h"

#include <string.h>

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
    struct arena *a;
    const char *sources; /* "1,2,3"; NULL once one has none */
    const char *definitions;
};

/* An array as Postgres writes it, without its braces. */
static void add(struct contracts *all, const struct api_contract *c)
{
    size_t n = c->sources ? strlen(c->sources) : 0;
    if (n < 2 || !c->definition || !all->sources) {
        all->sources = NULL;
        return;
    }
    all->sources =
        arena_printf(all->a, "%s%s%.*s", all->sources, *all->sources && n > 2 ? "," : "", (int)(n - 2), c->sources + 1);
    all->definitions = arena_printf(all->a, "%s %s", all->definitions, c->definition);
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

static const char *or_none(const char *s)
{
    return s ? s : "-";
}

/* What makes headers of the configuration and of the contract's comment: a cache that is told 304 keeps those that it
 * has. */
static const char *headers_of(struct arena *a, const struct plan *p)
{
    const struct contract *c = p->contract;
    return arena_printf(a, "%lld %d %d %d\n%s\n%s\n%s", c->cache_seconds, p->cors.varies, p->takes_tokens,
                        c->deprecated, or_none(p->cors.allow_origin), or_none(c->sunset), or_none(c->successor));
}

/* All that an answer depends on beside the data: another of these is another answer. Values of headers hold no line's
 * end, so none can pass for another. */
static const char *shape_of(const struct plan *p, const struct contracts *all, const struct request *r)
{
    return arena_printf(all->a, "%s\n%s\n%s\n%s\n%s\n%d %d %d\n%lld %lld %lld\n%s\n%s\n%s\n" ORIEL_VERSION,
                        all->definitions, r->path, r->query, or_none(p->profile), or_none(p->preference_applied),
                        p->media, p->strip_nulls, p->count, p->offset, p->limit, p->exact_up_to, or_none(p->time_zone),
                        or_none(p->claims), headers_of(all->a, p));
}

void data_version_plan(struct plan *p, struct arena *a, const struct api *api, const struct request *r,
                       const struct api_contract *root, const struct ast *ast)
{
    struct contracts all = {.a = a, .sources = "", .definitions = arena_printf(a, "%lld", api->max_rows)};
    add(&all, root);
    add_embeds(&all, ast);
    if (!all.sources)
        return;
    p->sources = arena_printf(a, "{%s}", all.sources);
    p->shape = shape_of(p, &all, r);
}
