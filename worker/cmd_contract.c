/*
 * oriel contract: the lock file, written from the database, held against it, compared with another one, or told to
 * readers: as text, as OpenAPI, as TypeScript.
 *
 * lock, check and diff end with the worst verdict as exit code: 0 no difference, 1 compatible, 2 needs acknowledgement,
 * 3 breaking. `lock` ends with 0 when it has written the file. Mistakes of configuration are exit code 2 as everywhere.
 */
#include <unistd.h>

#include "lib/contract_diff.h"
#include "lib/log.h"
#include "lib/text.h"
#include "worker/command.h"
#include "worker/contract_lint.h"
#include "worker/contract_order.h"
#include "worker/contract_print.h"
#include "worker/contract_probe.h"
#include "worker/progress.h"

enum { LARGEST_LOCK = 64 << 20, CANNOT_TELL = CONTRACT_BREAK + 1 };

/* How much of the data is looked at: brief is long enough for most, and a hurry for none. */
enum probing { PROBE_BRIEFLY, PROBE_ALL, PROBE_NOTHING };
enum { PROBE_BRIEFLY_MS = 2000 };

struct asking {
    struct command_context *context;
    struct arena *arena;
    const char *lock_path;
    const char *reason; /* --ack */
    bool json;
    enum probing probe;
    long long version;            /* --version; 0 for all */
    const char *const *arguments; /* behind the action, NULL-terminated */
};

/* What differences are judged by. */
struct telling {
    const struct contract_set *lock;
    const struct contract_set *newer; /* the lock file that it is compared with; NULL for a database */
};

/* A contract that is gone after its sunset was removed as announced. */
static bool retired(const struct contract_set *lock, const struct contract_difference *d)
{
    char today[11];
    time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(today, sizeof today, "%Y-%m-%d", &tm);
    const struct contract *c = contract_find_view(lock, d->view);
    return strcmp(d->rule->name, "contract_removed") == 0 && c && c->sunset && strcmp(c->sunset, today) <= 0;
}

static void put_json_member(struct buf *b, const char *key, const char *value)
{
    buf_printf(b, ", \"%s\": ", key);
    if (value)
        buf_json_string(b, value, strlen(value));
    else
        buf_puts(b, "null");
}

/* What the lock files themselves have foreseen is no surprise: a removal after the sunset, a change of meaning with its
 * reason, which stands in the older one until the change is made, and in the newer one from then on. */
static enum contract_verdict verdict_of(const struct asking *q, const struct telling *t,
                                        const struct contract_difference *d)
{
    bool agreed =
        d->rule->verdict == CONTRACT_ACK && (contract_difference_acknowledged(t->lock, q->arena, d) ||
                                             (t->newer && contract_difference_acknowledged(t->newer, q->arena, d)));
    return agreed || retired(t->lock, d) ? CONTRACT_OK : d->rule->verdict;
}

static void print_json(const struct asking *q, const struct telling *t, const struct contract_differences *d)
{
    struct buf b;
    buf_init(&b, SIZE_MAX / 2);
    buf_putc(&b, '[');
    for (size_t i = 0; i < d->n; i++) {
        const struct contract_difference *difference = &d->list[i];
        buf_printf(&b, "%s\n  {\"verdict\": \"%s\", \"rule\": \"%s\"", i ? "," : "",
                   contract_verdict_names[verdict_of(q, t, difference)], difference->rule->name);
        put_json_member(&b, "contract", difference->view);
        put_json_member(&b, "column", difference->column);
        put_json_member(&b, "before", difference->before);
        put_json_member(&b, "after", difference->after);
        put_json_member(&b, "why", difference->rule->why);
        put_json_member(&b, "instead", *difference->rule->instead ? difference->rule->instead : NULL);
        put_json_member(&b, "fingerprint", contract_difference_fingerprint(q->arena, difference));
        buf_putc(&b, '}');
    }
    buf_puts(&b, d->n ? "\n]\n" : "]\n");
    fwrite(b.data, 1, b.len, stdout);
    buf_release(&b);
}

/* Prints every difference; returns the worst verdict. */
static enum contract_verdict tell(const struct asking *q, const struct telling *t, const struct contract_differences *d)
{
    enum contract_verdict worst = CONTRACT_SAME;
    if (q->json)
        print_json(q, t, d);
    for (size_t i = 0; i < d->n; i++) {
        enum contract_verdict v = verdict_of(q, t, &d->list[i]);
        if (!q->json)
            printf("%-5s %s\n", contract_verdict_names[v], contract_difference_text(q->arena, &d->list[i]));
        worst = v > worst ? v : worst;
    }
    return worst;
}

/* Tombstones: those of the old lock file, and what has gone since. */
static void bury(struct contract_set *found, struct arena *a, const struct contract_set *lock)
{
    size_t n = 0;
    while (lock->tombstones && lock->tombstones[n])
        n++;
    const char **all = arena_array(a, n + lock->n + 1, sizeof *all);
    for (size_t i = 0; i < n; i++)
        all[i] = lock->tombstones[i];
    for (size_t i = 0; i < lock->n; i++)
        if (!contract_find_view(found, lock->contracts[i].view))
            all[n++] = lock->contracts[i].view;
    found->tombstones = all;
}

/* The old acknowledgements of contracts that still are, and a line for each change of meaning that is new. */
static void acknowledge(struct contract_set *found, const struct asking *q, const struct contract_set *lock,
                        const struct contract_differences *d)
{
    found->acknowledged = arena_array(q->arena, lock->n_acknowledged + d->n, sizeof *found->acknowledged);
    for (size_t i = 0; i < lock->n_acknowledged; i++)
        if (contract_find_view(found, lock->acknowledged[i].contract))
            found->acknowledged[found->n_acknowledged++] = lock->acknowledged[i];
    for (size_t i = 0; i < d->n; i++)
        if (d->list[i].rule->verdict == CONTRACT_ACK && !contract_difference_acknowledged(lock, q->arena, &d->list[i]))
            found->acknowledged[found->n_acknowledged++] = (struct contract_acknowledgement){
                .fingerprint = contract_difference_fingerprint(q->arena, &d->list[i]),
                .contract = d->list[i].view,
                .rule = d->list[i].rule->name,
                .reason = q->reason,
            };
}

/* Written beside and renamed: whoever reads the lock file sees the old one or the new one. */
static int write_file(struct arena *a, const char *path, const struct buf *text)
{
    const char *beside = arena_printf(a, "%s.new", path);
    FILE *f = fopen(beside, "we");
    if (!f) {
        log_errno("cannot write %s", beside);
        return -1;
    }
    bool good = fwrite(text->data, 1, text->len, f) == text->len;
    good = fclose(f) == 0 && good;
    if (good && rename(beside, path) == 0)
        return 0;
    log_errno("cannot write %s", path);
    unlink(beside);
    return -1;
}

/* Holds what is declared against the data, as long as was asked for. */
static int probe_all(const struct asking *q, const struct contract_set *found, PGconn *c, bool *wrong)
{
    struct progress progress;
    size_t late = 0;
    if (q->probe == PROBE_NOTHING)
        return 0;
    if (pg_run(c, "holding the contracts against the data", "BEGIN READ ONLY", 0, NULL) < 0)
        return -1;
    progress_start(&progress, "probing", "contracts");
    enum contract_probe_outcome outcome = PROBE_HOLDS;
    for (size_t i = 0; i < found->n && outcome != PROBE_FAILED; i++) {
        struct contract_probe probe = {
            .c = c, .arena = q->arena, .set = found, .budget = q->probe == PROBE_ALL ? -1 : PROBE_BRIEFLY_MS};
        outcome = contract_probe(&probe, &found->contracts[i]);
        *wrong = *wrong || outcome == PROBE_BROKEN;
        late += outcome == PROBE_LATE;
        progress_show(&progress, (double)(i + 1) / (double)found->n, (long long)(i + 1));
    }
    progress_end(&progress);
    if (late)
        log_warn(
            "not all that %zu contracts declare was held against the data, since that takes longer than %g s each; "
            "`oriel contract check --probe` takes the time",
            late, PROBE_BRIEFLY_MS / 1000.0);
    return pg_run(c, "holding the contracts against the data", "ROLLBACK", 0, NULL) < 0 || outcome == PROBE_FAILED ? -1
                                                                                                                   : 0;
}

/* The contracts as they are, and whether something is wrong with them by themselves, which is told. */
static int read_database(const struct asking *q, struct contract_set *found, bool *wrong)
{
    PGconn *c = command_connect(q->context);
    int result =
        c && contract_catalog_read(found, q->arena, c) == 0 && contract_order_read(found, c) == CHANGE_APPLIED ? 0 : -1;
    if (result == 0) {
        bool strange = contract_lint_views(c) < 0; /* what belongs to somebody else may not be ours to read */
        *wrong = (contract_lint(found) < 0) | (contract_lint_references(found, NULL) < 0) | strange;
        result = strange ? 0 : probe_all(q, found, c, wrong);
    }
    PQfinish(c);
    return result;
}

static int action_lock(const struct asking *q)
{
    struct contract_set lock = {0}, found;
    struct contract_differences d;
    struct buf text;
    bool wrong;
    if (access(q->lock_path, F_OK) == 0 && contract_lock_load(&lock, q->arena, q->lock_path) < 0)
        return CANNOT_TELL;
    if (read_database(q, &found, &wrong) < 0)
        return CANNOT_TELL;
    if (wrong)
        return CONTRACT_BREAK;
    contract_compare(&d, q->arena, &lock, &found);
    enum contract_verdict worst = tell(q, &(struct telling){.lock = &lock}, &d);
    if (worst == CONTRACT_BREAK) {
        log_error(
            "%s was not written: what readers were promised would be broken. What to do: undo it in the database, or, "
            "if nobody has ever read the contract, take it out of the lock file by hand",
            q->lock_path);
        return CONTRACT_BREAK;
    }
    if (worst == CONTRACT_ACK && !q->reason) {
        log_error(
            "%s was not written: the meaning of a contract would change. What to do: if that is wanted, say so with "
            "`oriel contract lock --ack \"why\"`; the reason goes into the lock file",
            q->lock_path);
        return CONTRACT_ACK;
    }
    bury(&found, q->arena, &lock);
    acknowledge(&found, q, &lock, &d);
    buf_init(&text, LARGEST_LOCK);
    contract_lock_print(&found, &text);
    int result = text.failed ? -1 : write_file(q->arena, q->lock_path, &text);
    buf_release(&text);
    if (result < 0)
        return CANNOT_TELL;
    if (!q->json)
        printf("%s holds %zu contracts\n", q->lock_path, found.n);
    return EXIT_OK;
}

static int action_check(const struct asking *q)
{
    struct contract_set lock, found;
    struct contract_differences d;
    bool wrong;
    if (contract_lock_load(&lock, q->arena, q->lock_path) < 0)
        return CANNOT_TELL;
    if (read_database(q, &found, &wrong) < 0)
        return CANNOT_TELL;
    contract_compare(&d, q->arena, &lock, &found);
    enum contract_verdict worst = tell(q, &(struct telling){.lock = &lock}, &d);
    if (worst == CONTRACT_SAME && !wrong && !q->json)
        printf("the database holds the %zu contracts of %s\n", lock.n, q->lock_path);
    return wrong ? CONTRACT_BREAK : (int)worst;
}

static int action_diff(const struct asking *q)
{
    struct contract_set old, new;
    struct contract_differences d;
    const char *newer = q->arguments[1] ? q->arguments[1] : q->lock_path;
    if (contract_lock_load(&old, q->arena, q->arguments[0]) < 0 || contract_lock_load(&new, q->arena, newer) < 0)
        return CANNOT_TELL;
    contract_compare(&d, q->arena, &old, &new);
    return (int)tell(q, &(struct telling){.lock = &old, .newer = &new}, &d);
}

static int action_show(const struct asking *q)
{
    struct contract_set lock;
    if (contract_lock_load(&lock, q->arena, q->lock_path) < 0)
        return EXIT_USAGE;
    for (size_t i = 0; i < lock.n; i++) {
        const struct contract *c = &lock.contracts[i];
        printf("%s%s@%d: %s%s%s%s\n", i ? "\n" : "", c->entity, c->version, c->comment ? c->comment : "",
               c->deprecated ? " Deprecated." : "", c->sunset ? " Sunset " : "", c->sunset ? c->sunset : "");
        for (size_t k = 0; k < c->n_columns; k++) {
            const struct contract_column *col = &c->columns[k];
            printf("  %-20s %-26s %-8s %s\n", col->name, col->type, col->not_null ? "not null" : "",
                   col->comment ? col->comment : "");
        }
    }
    return EXIT_OK;
}

static int action_openapi(const struct asking *q)
{
    return contract_print_openapi(q->arena, &q->context->settings, (int)q->version);
}

static int action_types(const struct asking *q)
{
    return contract_print_types(q->arena, q->lock_path);
}

static const struct command_action actions[] = {
    {"check", "", "hold the database against the lock file"},
    {"diff", "OLD [NEW]", "compare two lock files"},
    {"lock", "", "write the lock file from the database"},
    {"openapi", "", "the contracts for programs: OpenAPI 3.1, as `/` serves it"},
    {"show", "", "the contracts, for people"},
    {"types", "", "the contracts for frontends: TypeScript"},
    {NULL, NULL, NULL},
};
static int (*const functions[])(const struct asking *q) = {action_check,   action_diff, action_lock,
                                                           action_openapi, action_show, action_types};

enum { OPTION_ACK, OPTION_JSON, OPTION_NO_PROBE, OPTION_PROBE, OPTION_VERSION };
static const struct command_option options[] = {
    [OPTION_ACK] = {"ack", "WHY", "the meaning of a contract changes, for this reason, which goes into the lock file",
                    "lock"},
    [OPTION_JSON] = {"json", NULL, "the differences, for programs", "check diff lock"},
    [OPTION_NO_PROBE] = {"no-probe", NULL, "do not hold keys, not-null and references against the data", "check lock"},
    [OPTION_PROBE] = {"probe", NULL, "hold them against all of it, however long that takes (2 s a contract)",
                      "check lock"},
    [OPTION_VERSION] = {"version", "N", "one version, as `/vN/` serves it", "openapi"},
    {NULL, NULL, NULL, NULL},
};

static int run(struct command_context *context, int argc, char **argv)
{
    (void)argc;
    struct asking q = {.context = context,
                       .arena = &context->arena,
                       .lock_path = context->settings.lock,
                       .reason = context->options[OPTION_ACK],
                       .json = context->options[OPTION_JSON],
                       .probe = context->options[OPTION_PROBE]      ? PROBE_ALL
                                : context->options[OPTION_NO_PROBE] ? PROBE_NOTHING
                                                                    : PROBE_BRIEFLY,
                       .arguments = (const char *const *)argv};
    const char *version = context->options[OPTION_VERSION];
    if (q.reason && !*q.reason)
        return command_usage("contract", "--ack wants a reason that a reviewer understands");
    if (version && text_integer(version, 1, 999999, &q.version) < 0)
        return command_usage("contract", "--version %s: the number of a version was expected", version);
    return functions[context->action](&q);
}

const struct command command_contract = {
    .name = "contract",
    .arguments = "",
    .summary = "the lock file: lock, check, diff, show; for readers: openapi, types",
    .options = options,
    .actions = actions,
    .details =
        "check, diff and lock end with the worst verdict as exit code: 0 no difference, 1 compatible, 2 needs\n"
        "acknowledgement, 3 breaking; 4 when it could not be told. lock ends with 0 when it has written the file.\n",
    .run = run,
};
