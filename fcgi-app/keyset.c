#include "fcgi-app/keyset.h"

#include <string.h>

#include "fcgi-app/cursor.h"
#include "fcgi-app/plan_error.h"
#include "fcgi-app/url.h"
#include "lib/text.h"

/* A field that is a column of the level's own, as it is. */
static bool is_column(const struct ast_order *o)
{
    return !o->embed && !o->field.n_steps;
}

static bool orders_by(const struct ast_order *list, const char *column)
{
    for (const struct ast_order *o = list; o; o = o->next)
        if (is_column(o) && strcmp(o->field.column->name, column) == 0)
            return true;
    return false;
}

/* The key goes the way of the last term, so that an index over both can be read in one direction. */
void keyset_complete_order(struct ast *ast, struct arena *a, const struct range *range)
{
    struct ast_order **end = &ast->order;
    bool descending = false;
    if (ast->aggregated || (!range->asked && range->limit < 0 && !ast->after))
        return;
    for (; *end; end = &(*end)->next)
        descending = (*end)->descending;
    for (size_t i = 0; ast->contract->key[i]; i++) {
        const char *name = ast->contract->key[i];
        if (orders_by(ast->order, name))
            continue;
        *end = arena_alloc(a, sizeof **end);
        (*end)->field =
            (struct ast_field){.name = name, .row = ast->row, .column = contract_find_column(ast->contract, name)};
        (*end)->descending = descending;
        end = &(*end)->next;
    }
}

static bool is_of_key(const struct contract *c, const struct contract_column *column)
{
    for (size_t i = 0; c->key[i]; i++)
        if (strcmp(c->key[i], column->name) == 0)
            return true;
    return false;
}

static size_t count_key(const struct contract *c)
{
    size_t n = 0;
    while (c->key[n])
        n++;
    return n;
}

static bool has_term(const struct keyset *k, const struct contract_column *column)
{
    for (size_t i = 0; i < k->n; i++)
        if (k->terms[i].column == column)
            return true;
    return false;
}

/* False where the order cannot be followed. */
static bool make_terms(struct keyset *k, struct arena *a, const struct ast *ast)
{
    size_t missing = count_key(ast->contract), n = 0;
    for (const struct ast_order *o = ast->order; o; o = o->next)
        n++;
    k->terms = arena_array(a, n + 1, sizeof *k->terms);
    if (!missing || ast->aggregated)
        return false;
    for (const struct ast_order *o = ast->order; o && missing; o = o->next) {
        if (!is_column(o))
            return false;
        if (has_term(k, o->field.column))
            continue;
        bool of_key = is_of_key(ast->contract, o->field.column);
        k->terms[k->n++] =
            (struct keyset_term){.column = o->field.column,
                                 .descending = o->descending,
                                 .nulls_first = o->nulls == NULLS_DEFAULT ? o->descending : o->nulls == NULLS_FIRST,
                                 .nullable = !of_key && !o->field.column->not_null};
        missing -= of_key;
    }
    return missing == 0;
}

/* "\"price\".desc.nullslast,\"id\".asc.nullslast": names quoted, so that two orders never have one text. */
static const char *order_text(const struct keyset *k, struct arena *a)
{
    const char *text = "";
    for (size_t i = 0; i < k->n; i++) {
        const struct keyset_term *t = &k->terms[i];
        text = arena_printf(a, "%s%s\"%s\"%s%s", text, i ? "," : "", t->column->name, t->descending ? ".desc" : ".asc",
                            t->nulls_first ? ".nullsfirst" : ".nullslast");
    }
    return text;
}

static const char *fingerprint(const struct keyset *k, struct arena *a, const struct contract *c)
{
    char hash[65];
    const char *text = arena_printf(a, "%s\n%s", c->view, order_text(k, a));
    text_sha256(text, strlen(text), hash);
    return arena_memdup(a, hash, 12); /* it guards against mistakes, not against malice */
}

static int fail_cursor(struct api_error *e, const char *details)
{
    return plan_fail(e, "PGRST100", "The value of 'after' is no cursor of this list", details,
                     "Follow the Link with rel=\"next\" as it stands, with the headers of the page before it. Without "
                     "'after' the list begins anew.");
}

int keyset_make(struct keyset *k, struct arena *a, const struct ast *ast, const char *after, struct api_error *error)
{
    *k = (struct keyset){0};
    if (!make_terms(k, a, ast)) {
        k->n = 0;
        return after ? fail_cursor(error, "A list without a key, of aggregates, or ordered by a path into JSON or by a "
                                          "column of a related contract has no cursors.")
                     : 0;
    }
    k->order = fingerprint(k, a, ast->contract);
    const char *fault = after ? cursor_decode(a, after, k->order, k->n, &k->after) : NULL;
    return fault ? fail_cursor(error, fault) : 0;
}

/* Is the pair, of n bytes, one that the next page does not have, or has otherwise? */
static bool is_replaced(struct arena *a, const char *pair, size_t n, bool limit)
{
    const char *equals = memchr(pair, '=', n);
    const char *key = equals ? url_decode(a, pair, (size_t)(equals - pair), true) : NULL;
    return !key || strcmp(key, "after") == 0 || strcmp(key, "offset") == 0 || (limit && strcmp(key, "limit") == 0);
}

const char *keyset_next(struct arena *a, const struct request *r, long long limit)
{
    const char *next = arena_printf(a, "%s?", url_safe(a, r->path));
    for (const char *s = r->query; *s;) {
        size_t n = (size_t)(strchrnul(s, '&') - s);
        if (!is_replaced(a, s, n, limit >= 0))
            next = arena_printf(a, "%s%s&", next, url_safe(a, arena_memdup(a, s, n)));
        s += n + (s[n] == '&');
    }
    if (limit >= 0)
        next = arena_printf(a, "%slimit=%lld&", next, limit);
    return arena_printf(a, "%safter=", next);
}
