/*
 * From any request to a plan. The first letter of the input says what the rest is: p path, q query, e query of a
 * contract with relations, c the same with a count and nulls stripped, a Accept, f Prefer, r Range, o Accept-Profile;
 * the other parts of the request are plain. What must hold of every plan is checked.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/text.h"
#include "t/unit/plan_api.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition)
        abort();
}

static bool is_utf8(const char *s)
{
    return !s || text_utf8_valid(s, strlen(s)) == strlen(s);
}

static void check_error(const struct plan *p)
{
    const struct api_error *e = &p->error;
    must(e->code && e->message && (e->status >= 400 || e->status == 300) && e->status <= 503 && e->status != 500);
    must(is_utf8(e->message) && is_utf8(e->details) && is_utf8(e->hint));
    must(!p->sql && !p->preference_applied && !p->content_location);
}

/* A literal of the statement's writer at s; its length. */
static size_t literal(const char *s)
{
    static const char *const literals[] = {"'null'", "','", "'{}'", "'{'", "'}'", "'['", "']'", "''"};
    for (size_t i = 0; i < ARRAY_SIZE(literals); i++)
        if (strncmp(s, literals[i], strlen(literals[i])) == 0)
            return strlen(literals[i]);
    return 0;
}

/* Nothing but what the statement's writer puts there: no semicolon, comment, backslash or other byte, and no quote but
 * those of its literals. Every parameter is used, since Postgres has no type for one that is not. */
static void check_sql(const char *sql, int n_params)
{
    bool *used = calloc((size_t)n_params + 1, sizeof *used);
    must(used != NULL);
    must(strspn(sql, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _.,:()<>=~*@&|-$\"'{}[]") ==
         strlen(sql));
    must(!strstr(sql, "--") && !strstr(sql, "/*"));
    for (const char *s = sql; (s = strchr(s, '\'')); s += literal(s))
        must(literal(s) > 0);
    for (const char *s = sql; (s = strchr(s, '$')); s++) {
        long n = strtol(s + 1, NULL, 10);
        must(n >= 1 && n <= n_params);
        used[n] = true;
    }
    for (int n = 1; n <= n_params; n++)
        must(used[n]);
    free(used);
}

static void check_rows(const struct plan *p)
{
    must(p->contract && p->content_location && p->offset >= 0 && p->limit >= -1 && p->limit <= 1000);
    check_sql(p->sql, p->n_params);
    if (p->estimate_sql)
        check_sql(p->estimate_sql, p->n_estimate_params);
    for (int i = 0; i < p->n_params; i++)
        must(p->params[i] && is_utf8(p->params[i]));
    for (size_t i = 0; i < p->n_columns; i++)
        must(strlen(p->columns[i].key) == p->columns[i].key_len && is_utf8(p->columns[i].key));
    for (const char *s = p->content_location; *s; s++)
        must(*s > 0x20 && *s < 0x7f);
}

static const char **part_of(struct request *r, uint8_t letter)
{
    switch (letter) {
    case 'p':
        return &r->path;
    case 'a':
        return &r->accept;
    case 'f':
        return &r->prefer;
    case 'r':
        return &r->range;
    case 'c':
        r->prefer = "count=exact";
        r->accept = "application/json;nulls=stripped";
        r->path = "/v1/items";
        return &r->query;
    case 'e':
        r->path = "/v1/items";
        return &r->query;
    case 'o':
        r->path = "/products";
        return &r->accept_profile;
    default:
        return &r->query;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct plan p;
    struct request r = plain_request;
    struct api api = test_api;
    if (!size)
        return 0;
    arena_init(&a);
    api.max_rows = data[0] == 'p' ? 0 : 1000; /* a path has no limit */
    api.aggregates = data[0] == 'e' || data[0] == 'c';
    *part_of(&r, data[0]) = arena_memdup(&a, data + 1, size - 1);
    plan_make(&p, &a, &api, &r);
    if (p.kind == PLAN_ERROR)
        check_error(&p);
    else if (p.kind == PLAN_DOCUMENT)
        must(p.document && !p.sql && (p.media == MEDIA_OPENAPI || p.media == MEDIA_JSON));
    else
        check_rows(&p);
    arena_release(&a);
    return 0;
}
