#include "fcgi-app/plan.h"

#include <string.h>

#include "fcgi-app/data_version.h"
#include "fcgi-app/keyset.h"
#include "fcgi-app/media.h"
#include "fcgi-app/plan_error.h"
#include "fcgi-app/prefer.h"
#include "fcgi-app/query.h"
#include "fcgi-app/range.h"
#include "fcgi-app/route.h"
#include "fcgi-app/sql.h"
#include "fcgi-app/token.h"
#include "fcgi-app/url.h"

static const char allowed_methods[] = "OPTIONS,GET,HEAD";

static int fail_method(struct plan *p, struct arena *a, const char *method)
{
    p->allow = allowed_methods;
    return plan_fail(&p->error, "PGRST117",
                     arena_printf(a, "Unsupported HTTP method: %s", plan_error_text(a, method, false)), NULL, NULL);
}

static const char *location(struct arena *a, const struct request *r)
{
    const char *path = url_safe(a, r->path);
    return *r->query ? arena_printf(a, "%s?%s", path, url_safe(a, r->query)) : path;
}

/* Pages of a list; ast's order is completed. */
static int plan_pages(struct plan *p, struct arena *a, const struct request *r, struct ast *ast,
                      const struct range *range, struct keyset *k)
{
    keyset_complete_order(ast, a, range);
    if (keyset_make(k, a, ast, ast->after, &p->error) < 0)
        return -1;
    p->after = k->after;
    if (!k->n || range->limit <= 0 || p->media == MEDIA_OBJECT)
        return 0;
    p->pages = arena_alloc(a, sizeof *p->pages);
    p->pages->a = a;
    p->pages->order = k->order;
    p->pages->target = keyset_next(a, r, !p->head && *r->range ? range->limit : -1);
    return 0;
}

/* The query, against the contract of p. */
static int plan_rows(struct plan *p, struct arena *a, const struct api *api, const struct request *r,
                     const struct route *route)
{
    struct ast ast = {.contract = p->contract};
    const char *key = route->key;
    struct range range;
    struct keyset keyset = {0};
    struct parse parse = {.a = a, .api = api, .contract = p->contract, .error = &p->error};
    const char *range_header = p->head ? "" : r->range; /* RFC 9110, section 14.2: it is defined for GET alone */
    if (key) {
        parse_begin(&parse, "key", key);
        if (parse_key(&parse, &ast.conditions) < 0)
            return -1;
    }
    if (query_parse(&ast, &parse, r->query) < 0 || query_resolve(&ast, api, a, &p->error) < 0)
        return -1;
    if (key) /* one row is no list: there is nothing to cut */
        range = (struct range){.limit = -1};
    else if (range_make(&range, ast.limit, ast.offset, range_header, api->max_rows, &p->error) < 0)
        return -1;
    p->offset = range.offset;
    p->limit = range.limit;
    if ((!key && plan_pages(p, a, r, &ast, &range, &keyset) < 0) || sql_plan(p, a, &ast, &range, &keyset) < 0)
        return -1;
    data_version_plan(p, a, api, r, route->target, &ast);
    return 0;
}

static int plan_read(struct plan *p, struct arena *a, const struct api *api, const struct request *r,
                     const struct route *route)
{
    struct prefer prefer;
    if (route->target->withheld)
        return plan_fail_withheld(&p->error, a, route->target);
    if (media_choose(r->accept, a, &p->media, &p->strip_nulls, &p->error) < 0 ||
        prefer_parse(&prefer, a, r->prefer, &p->error) < 0)
        return -1;
    p->key_path = route->key;
    p->count = p->key_path ? COUNT_NONE : prefer.count;
    if (p->claims && p->count != COUNT_NONE) /* the planner knows the rows of all clients, and would tell of them */
        p->count = COUNT_EXACT;
    p->counted = p->count == COUNT_EXACT || p->count == COUNT_ESTIMATED;
    p->exact_up_to = api->exact_up_to;
    p->time_zone = prefer.time_zone;
    p->preference_applied = prefer.applied;
    if (plan_rows(p, a, api, r, route) < 0)
        return -1;
    p->content_location = location(a, r);
    p->kind = PLAN_ROWS;
    return 0;
}

static int plan_document(struct plan *p, struct arena *a, const struct request *r, const struct document *document)
{
    if (media_choose_document(r->accept, a, &p->media, &p->error) < 0)
        return -1;
    p->document = document;
    p->kind = PLAN_DOCUMENT;
    return 0;
}

void plan_make(struct plan *p, struct arena *a, const struct api *api, const struct request *r)
{
    struct route route;
    *p = (struct plan){.kind = PLAN_ERROR, .limit = -1, .head = strcmp(r->method, "HEAD") == 0};
    p->if_none_match = r->if_none_match;
    p->if_modified_since = r->if_modified_since;
    p->now = r->now;
    cors_decide(&p->cors, a, api->origins, r);
    if (p->cors.preflight) { /* whatever the path: an error can be read only by whoever may ask */
        p->kind = PLAN_OPTIONS;
        p->allow = allowed_methods;
        return;
    }
    p->takes_tokens = api->tokens && api->tokens->n;
    if (api->tokens && token_claims(&p->claims, a, api->tokens, r->authorization, r->now, &p->error) < 0)
        return;
    if (route_find(&route, a, api, r, &p->error) < 0)
        return;
    if (route.target) {
        p->contract = route.target->contract;
        p->end_headers = route.target->end_headers;
        p->successor_link = route.target->successor_link;
    }
    p->profile = route.profile;
    if (strcmp(r->method, "OPTIONS") == 0) {
        p->kind = PLAN_OPTIONS;
        p->allow = allowed_methods;
    } else if (!p->head && strcmp(r->method, "GET") != 0) {
        (void)fail_method(p, a, r->method);
    } else if (route.document) {
        (void)!plan_document(p, a, r, route.document);
    } else {
        (void)!plan_read(p, a, api, r, &route); /* a failure is told by p->error, and the kind stays PLAN_ERROR */
    }
}
