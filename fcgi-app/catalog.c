#include "fcgi-app/catalog.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi-app/deprecation.h"
#include "lib/contract_diff.h"
#include "lib/lease.h"
#include "lib/log.h"

void catalog_init(struct catalog *c, const struct contract_set *lock, const struct options *options)
{
    *c = (struct catalog){.lock = lock};
    c->arena = mem_alloc(sizeof *c->arena);
    arena_init(c->arena);
    arena_init(&c->definitions);
    arena_init(&c->sources);
    arena_init(&c->headers);
    c->api = (struct api){
        .contracts = mem_alloc(lock->n * sizeof *c->api.contracts),
        .n = lock->n,
        .max_rows = options->max_rows,
        .max_depth = options->max_depth,
        .aggregates = options->aggregates,
        .retry_after = options->retry_after,
        .exact_up_to = options->exact_up_to,
        .origins = options->origins,
        .tokens = &options->tokens,
    };
    c->warnings = mem_alloc(lock->n * sizeof *c->warnings);
    c->holds = mem_alloc(lock->n * sizeof *c->holds);
    c->leased = mem_alloc(lock->n * sizeof *c->leased);
    for (size_t i = 0; i < lock->n; i++) {
        c->api.contracts[i].contract = &lock->contracts[i];
        deprecation_prepare(&c->api.contracts[i], &c->headers);
        c->holds[i] = true;
    }
}

static void free_arena(struct arena *a)
{
    arena_release(a);
    free(a);
}

void catalog_release(struct catalog *c)
{
    free_arena(c->arena);
    arena_release(&c->definitions);
    arena_release(&c->sources);
    arena_release(&c->headers);
    free(c->api.contracts);
    free(c->warnings);
    free(c->holds);
    free(c->leased);
    *c = (struct catalog){0};
}

typedef const char *teller(struct arena *a, const struct contract_difference *d);

/* The differences of one verdict as sentences; NULL when there are none. */
static const char *tell(struct arena *a, const struct contract_differences *d, enum contract_verdict verdict,
                        teller *sentence_of)
{
    const char *text = NULL;
    for (size_t i = 0; i < d->n; i++) {
        if (d->list[i].rule->verdict != verdict)
            continue;
        const char *sentence = sentence_of(a, &d->list[i]);
        text = text ? arena_printf(a, "%s; %s", text, sentence) : sentence;
    }
    return text;
}

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static const char not_leased[] = "it is being taken away";

/* What the owner of the contract needs to know, said when it is new. */
static void log_change(const struct catalog *c, size_t i, const char *broken, const char *warning)
{
    const struct contract *k = &c->lock->contracts[i];
    if (broken && c->holds[i])
        log_error("%s@%d is withheld, because the database does not hold what the lock file says: %s", k->entity,
                  k->version, broken);
    if (!broken && !c->holds[i])
        log_info("%s@%d is served again", k->entity, k->version);
    if (warning && !same(c->warnings[i], warning))
        log_warn("%s@%d is served, but differs from the lock file: %s", k->entity, k->version, warning);
}

/* found: by the last look, its texts in `now`. The definition is as it was read last. */
static void look_at(struct catalog *c, size_t i, struct arena *now, const struct contract_set *found)
{
    const struct contract *agreed = &c->lock->contracts[i];
    struct contract_differences d = {0};
    const struct contract *is = contract_find(found, agreed->entity, agreed->version);
    struct contract with_definition = is ? *is : (struct contract){0};
    if (!is)
        c->api.contracts[i].definition = NULL;
    with_definition.definition = c->api.contracts[i].definition;
    contract_compare_one(&d, now, agreed, is ? &with_definition : NULL, found);
    const char *broken = tell(now, &d, CONTRACT_BREAK, contract_difference_text);
    const char *warning = broken ? NULL : tell(now, &d, CONTRACT_ACK, contract_difference_text);
    log_change(c, i, broken, warning);
    c->holds[i] = !broken;
    c->warnings[i] = warning;
    c->api.contracts[i].withheld = broken         ? tell(now, &d, CONTRACT_BREAK, contract_difference_public)
                                   : c->leased[i] ? NULL
                                                  : not_leased;
}

int catalog_look(struct catalog *c, const PGresult *r)
{
    struct arena *now = mem_alloc(sizeof *now);
    struct contract_set found = {0};
    arena_init(now);
    if (contract_catalog_parse(&found, now, r) < 0) {
        free_arena(now);
        return -1;
    }
    bool newly_withheld = false;
    for (size_t i = 0; i < c->lock->n; i++) {
        bool held = c->holds[i];
        look_at(c, i, now, &found);
        newly_withheld |= held && !c->holds[i];
    }
    free_arena(c->arena); /* only now: the texts of the last look were compared */
    c->arena = now;
    c->found = found;
    return newly_withheld;
}

/* What the lock file has of the view that a row of a result begins with; NULL for nothing. */
static struct api_contract *api_of(const struct catalog *c, const PGresult *r, int row)
{
    const struct contract *k = contract_find_view(c->lock, PQgetvalue(r, row, 0));
    return k ? &c->api.contracts[k - c->lock->contracts] : NULL;
}

/* A row's second field. */
static const char *value_of(const PGresult *r, int row, struct arena *a)
{
    return PQgetisnull(r, row, 1) ? NULL : arena_strdup(a, PQgetvalue(r, row, 1));
}

void catalog_definitions(struct catalog *c, const PGresult *r)
{
    arena_reset(&c->definitions);
    for (size_t i = 0; i < c->lock->n; i++)
        c->api.contracts[i].definition = NULL;
    for (int row = 0; row < PQntuples(r); row++) {
        struct api_contract *k = api_of(c, r, row);
        if (k)
            k->definition = value_of(r, row, &c->definitions);
    }
    for (size_t i = 0; i < c->lock->n; i++)
        look_at(c, i, c->arena, &c->found);
}

void catalog_sources(struct catalog *c, const PGresult *r)
{
    arena_reset(&c->sources);
    for (size_t i = 0; i < c->lock->n; i++)
        c->api.contracts[i].sources = NULL;
    for (int row = 0; row < PQntuples(r); row++) {
        struct api_contract *k = api_of(c, r, row);
        if (k)
            k->sources = value_of(r, row, &c->sources);
    }
}

const char catalog_lease_sql[] =
    "SELECT e.view, e.take, CASE WHEN e.take THEN pg_catalog.pg_try_advisory_lock_shared(" LEASE_KEY(
        "e.view") ")"
                  "                            ELSE pg_catalog.pg_advisory_unlock_shared(" LEASE_KEY(
                      "e.view") ") END,"
                                "       pg_catalog.set_config('application_name', $2, false)"
                                "  FROM pg_catalog.json_to_recordset($1) AS e (view text, take boolean)";

bool catalog_lease_params(const struct catalog *c, struct arena *a, const char *params[2])
{
    struct buf b;
    size_t changes = 0, served = 0;
    buf_init(&b, SIZE_MAX / 2);
    buf_putc(&b, '[');
    for (size_t i = 0; i < c->lock->n; i++) {
        const char *view = c->lock->contracts[i].view;
        served += c->holds[i];
        if (c->holds[i] == c->leased[i])
            continue;
        buf_puts(&b, changes++ ? ",{\"view\":" : "{\"view\":");
        buf_json_string(&b, view, strlen(view));
        buf_puts(&b, c->holds[i] ? ",\"take\":true}" : ",\"take\":false}");
    }
    buf_putc(&b, ']');
    params[0] = arena_strdup(a, buf_str(&b));
    params[1] = arena_printf(a, "oriel-fcgi " ORIEL_VERSION " (%zu of %zu contracts)", served, c->lock->n);
    buf_release(&b);
    return changes > 0;
}

void catalog_lease(struct catalog *c, const PGresult *r)
{
    for (int row = 0; row < PQntuples(r); row++) {
        struct api_contract *k = api_of(c, r, row);
        if (!k)
            continue;
        size_t i = (size_t)(k - c->api.contracts);
        c->leased[i] = PQgetvalue(r, row, 1)[0] == 't' && PQgetvalue(r, row, 2)[0] == 't';
        if (!c->holds[i])
            continue;
        k->withheld = c->leased[i] ? NULL : not_leased;
        if (!c->leased[i])
            log_warn("%s is not served: its lease was refused, so it is being taken away", k->contract->view);
    }
}

bool catalog_leased_too_much(const struct catalog *c)
{
    for (size_t i = 0; i < c->lock->n; i++)
        if (c->leased[i] && !c->holds[i])
            return true;
    return false;
}

void catalog_session_lost(struct catalog *c)
{
    memset(c->leased, 0, c->lock->n * sizeof *c->leased);
    for (size_t i = 0; i < c->lock->n; i++)
        c->api.contracts[i].sources = NULL; /* what changes meanwhile is not told */
}
