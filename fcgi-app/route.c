#include "fcgi-app/route.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi-app/plan_error.h"
#include "fcgi-app/url.h"
#include "lib/text.h"

enum { MAX_SEGMENTS = 3 }; /* version, entity, key */

struct segment {
    const char *s;
    size_t n;
};

/* What every step of the search needs. */
struct lookup {
    struct arena *a;
    const struct api *api;
    struct api_error *error;
};

/* "v12" -> 12; 0 when it is no version. */
static int version_of(struct segment x)
{
    int version = 0;
    if (x.n < 2 || x.n > 7 || x.s[0] != 'v' || x.s[1] == '0')
        return 0;
    for (size_t i = 1; i < x.n; i++) {
        if (x.s[i] < '0' || x.s[i] > '9')
            return 0;
        version = version * 10 + (x.s[i] - '0');
    }
    return version;
}

/* Splits the path at its slashes; the number of segments, or MAX_SEGMENTS + 1 for more than there can be. */
static size_t split(const char *path, struct segment segments[MAX_SEGMENTS])
{
    size_t n = 0;
    path += *path == '/';
    for (;;) {
        const char *end = strchrnul(path, '/');
        if (n == MAX_SEGMENTS)
            return MAX_SEGMENTS + 1;
        segments[n++] = (struct segment){path, (size_t)(end - path)};
        if (!*end)
            return n;
        path = end + 1;
    }
}

/* A wanted contract against one of the API's, which are sorted so. */
static int compare(const void *key, const void *element)
{
    const struct contract *wanted = key, *c = ((const struct api_contract *)element)->contract;
    int order = strcmp(wanted->entity, c->entity);
    return order ? order : wanted->version - c->version;
}

static const struct api_contract *find(const struct api *api, const char *entity, int version)
{
    struct contract wanted = {.entity = entity, .version = version};
    return bsearch(&wanted, api->contracts, api->n, sizeof *api->contracts, compare);
}

/* "Perhaps you meant '/v1/products' or '/v2/products'.": the versions of the entity nearest to name; NULL for none. */
static const char *nearest_hint(const struct lookup *l, const char *name)
{
    const struct api *api = l->api;
    const char **entities = arena_array(l->a, api->n + 1, sizeof *entities);
    for (size_t i = 0; i < api->n; i++)
        entities[i] = api->contracts[i].contract->entity;
    const char *nearest = text_nearest(name, entities), *list = NULL;
    if (!nearest)
        return NULL;
    for (size_t i = 0; i < api->n; i++) {
        const struct contract *c = api->contracts[i].contract;
        if (strcmp(c->entity, nearest) == 0)
            list = arena_printf(l->a, "%s%s'/v%d/%s'", list ? list : "", list ? " or " : "", c->version, c->entity);
    }
    return arena_printf(l->a, "Perhaps you meant %s.", list);
}

static int fail_path(const struct lookup *l, const char *details, const char *hint)
{
    return plan_fail(l->error, "PGRST125", "Invalid path specified in request URL", details,
                     hint ? hint : "Contracts are served at /v<N>/<entity>, and described at /.");
}

/* What PostgREST serves at /rpc/<name>. */
static int fail_function(const struct lookup *l, const char *version, const char *name)
{
    return plan_fail(l->error, "PGRST202",
                     arena_printf(l->a, "Could not find the function %s%s%s in the schema cache", version,
                                  *version ? "." : "", plan_error_text(l->a, name, false)),
                     "Contracts are served; functions are not.", NULL);
}

static int find_entity(const struct lookup *l, const char *entity, int version, struct route *route)
{
    route->target = find(l->api, entity, version);
    if (route->target)
        return 0;
    return plan_fail(l->error, "PGRST205",
                     arena_printf(l->a, "Could not find the table 'v%d.%s' in the schema cache", version,
                                  plan_error_text(l->a, entity, false)),
                     NULL, nearest_hint(l, entity));
}

/* "v1, v2": the versions that there are, each between before and after; NULL where there is none. */
static const char *version_list(const struct lookup *l, const char *before, const char *after)
{
    const char *list = NULL;
    int last = 0;
    for (;;) {
        int next = 0;
        for (size_t i = 0; i < l->api->n; i++) {
            int v = l->api->contracts[i].contract->version;
            if (v > last && (!next || v < next))
                next = v;
        }
        if (!next)
            break;
        list = arena_printf(l->a, "%s%s%s%d%s", list ? list : "", list ? ", " : "", before, next, after);
        last = next;
    }
    return list;
}

static int find_in_any_version(const struct lookup *l, const char *entity, struct route *route)
{
    for (size_t i = 0; i < l->api->n; i++)
        if (strcmp(l->api->contracts[i].contract->entity, entity) == 0) {
            route->target = &l->api->contracts[i];
            return 0;
        }
    return fail_path(l, NULL, nearest_hint(l, entity));
}

/* The version that Accept-Profile names. */
static int take_profile(const struct lookup *l, const char *profile, struct route *route, int *version)
{
    bool exists = false;
    *version = version_of((struct segment){profile, strlen(profile)});
    for (size_t i = 0; i < l->api->n && *version; i++)
        exists |= l->api->contracts[i].contract->version == *version;
    if (!exists) {
        const char *others = version_list(l, "v", "");
        return plan_fail(l->error, "PGRST106",
                         arena_printf(l->a, "Invalid schema: %s", plan_error_text(l->a, profile, false)), NULL,
                         others ? arena_printf(l->a, "Only the following schemas are exposed: %s", others) : NULL);
    }
    route->profile = arena_strdup(l->a, profile);
    return 0;
}

/* /<entity>, with the version in Accept-Profile. A browser's preflight does not carry that header, and a client that
 * writes sends Content-Profile instead: only GET and HEAD need it. */
static int find_by_profile(const struct lookup *l, const char *entity, const struct request *r, struct route *route)
{
    const char *profile = r->accept_profile;
    if (!*profile && strcmp(r->method, "GET") != 0 && strcmp(r->method, "HEAD") != 0)
        return find_in_any_version(l, entity, route);
    if (!*profile)
        return fail_path(l, "The path names no version, and there is no Accept-Profile header.",
                         nearest_hint(l, entity));
    int version;
    if (take_profile(l, profile, route, &version) < 0)
        return -1;
    return find_entity(l, entity, version, route);
}

/* / describes all versions, or the one of Accept-Profile; /v<N>/ describes one. */
static int find_document(const struct lookup *l, int version, const struct request *r, struct route *route)
{
    if (!version && *r->accept_profile && take_profile(l, r->accept_profile, route, &version) < 0)
        return -1;
    route->document = document_find(l->api->documents, version);
    if (route->document)
        return 0;
    const char *others = version_list(l, "/v", "/");
    return fail_path(l, arena_printf(l->a, "There is no contract of version %d.", version),
                     others ? arena_printf(l->a, "What there is, is described at %s.", others) : NULL);
}

int route_find(struct route *route, struct arena *a, const struct api *api, const struct request *r,
               struct api_error *error)
{
    struct lookup l = {.a = a, .api = api, .error = error};
    struct segment segments[MAX_SEGMENTS];
    size_t n = split(r->path, segments);
    int version = version_of(segments[0]);
    size_t named = version ? 1 : 0; /* segment that names the entity */
    *route = (struct route){0};
    if (n == named || (n == named + 1 && !segments[named].n))
        return find_document(&l, version, r, route);
    const char *entity = url_decode(a, segments[named].s, segments[named].n, false);
    if (!entity || !*entity || n > named + 2)
        return fail_path(&l, NULL, NULL);
    const char *below = n == named + 2 ? url_decode(a, segments[named + 1].s, segments[named + 1].n, false) : NULL;
    if (below && strcmp(entity, "rpc") == 0 && !find(api, entity, version))
        return fail_function(&l, version ? arena_memdup(a, segments[0].s, segments[0].n) : r->accept_profile, below);
    if (n > named + 1 + (version != 0))
        return fail_path(&l, NULL, NULL);
    if (!version)
        return find_by_profile(&l, entity, r, route);
    if (find_entity(&l, entity, version, route) < 0)
        return -1;
    if (n == named + 1)
        return 0;
    route->key = below;
    if (!route->key || !*route->key)
        return fail_path(&l, NULL, NULL);
    if (!*route->target->contract->key)
        return fail_path(&l, arena_printf(a, "%s has no key, so its rows have no path of their own.", entity), NULL);
    return 0;
}
