/*
 * oriel readers: who serves which contract now; with the responders' metrics, how often each is asked for.
 */
#include "lib/log.h"
#include "worker/command.h"
#include "worker/http.h"
#include "worker/metrics.h"
#include "worker/reader_lease.h"

enum { METRICS_TIMEOUT_MS = 10000, LARGEST_METRICS = 16 << 20 };

/* One contract: its leases, and its requests where they are counted. */
struct usage {
    const char *view;
    size_t leases;
    const struct metrics_requests *requests;
};

/* Those of one contract behind each other. */
static int compare_leases(const void *x, const void *y)
{
    const struct reader_lease *a = x, *b = y;
    int by_view = strcmp(a->view, b->view);
    return by_view ? by_view : strcmp(a->address, b->address);
}

/* Those at the server that is written to, and those at standbys. */
static int read_leases(struct reader_leases *all, struct arena *a, PGconn *c, const char *const *standbys)
{
    struct reader_leases here, elsewhere;
    if (reader_leases_read(&here, a, c, NULL) < 0 || reader_leases_read_standbys(&elsewhere, a, c, standbys) < 0)
        return -1;
    *all = (struct reader_leases){.n = here.n + elsewhere.n,
                                  .list = arena_array(a, here.n + elsewhere.n, sizeof *all->list)};
    for (size_t i = 0; i < all->n; i++)
        all->list[i] = i < here.n ? here.list[i] : elsewhere.list[i - here.n];
    if (elsewhere.n)
        qsort(all->list, all->n, sizeof *all->list, compare_leases);
    return 0;
}

static void print_leases(const struct reader_leases *leases)
{
    printf("%-20s %-35s %-15s %-19s %s\n", "contract", "reader", "address", "since", "pid");
    for (size_t i = 0; i < leases->n; i++) {
        const struct reader_lease *l = &leases->list[i];
        printf("%-20s %-35s %-15s %-19s %s\n", l->view, l->application, l->address, l->since, l->pid);
    }
    if (!leases->n)
        printf("(nobody)\n");
}

static int read_metrics(struct metrics *m, struct arena *a, const char *url)
{
    struct buf text;
    buf_init(&text, LARGEST_METRICS);
    int result = http_get(url, METRICS_TIMEOUT_MS, &text);
    if (result == 0 && metrics_read(m, a, buf_str(&text)) < 0) {
        if (m->wrong_line)
            log_error("%s:%zu: %s", http_display(a, url), m->wrong_line, m->problem);
        else
            log_error("%s: %s", http_display(a, url), m->problem);
        result = -1;
    }
    buf_release(&text);
    return result;
}

static int compare(const void *x, const void *y)
{
    return strcmp(((const struct usage *)x)->view, ((const struct usage *)y)->view);
}

/* One line for each contract that has a lease or is counted. */
static void print_usage(struct arena *a, const struct reader_leases *leases, const struct metrics *m)
{
    struct usage *all = arena_array(a, leases->n + m->n + 1, sizeof *all);
    size_t n = 0;
    for (size_t i = 0; i < leases->n; i++) /* those of one contract follow each other */
        if (n && strcmp(all[n - 1].view, leases->list[i].view) == 0)
            all[n - 1].leases++;
        else
            all[n++] = (struct usage){.view = leases->list[i].view, .leases = 1};
    size_t leased = n;
    for (size_t i = 0; i < m->n; i++) {
        const struct metrics_requests *r = &m->list[i];
        const char *view = r->version ? arena_printf(a, "v_%s_v%d", r->entity, r->version) : "(no contract)";
        size_t k = 0;
        while (k < leased && strcmp(all[k].view, view) != 0)
            k++;
        if (k == leased)
            all[k = n++].view = view;
        all[k].requests = r;
    }
    qsort(all, n, sizeof *all, compare);
    printf("\n%-40s %8s %20s %20s\n", "contract", "leases", "requests", "of them refused");
    for (size_t i = 0; i < n; i++)
        if (all[i].requests)
            printf("%-40s %8zu %20llu %20llu\n", all[i].view, all[i].leases, all[i].requests->answered,
                   all[i].requests->refused);
        else
            printf("%-40s %8zu %20s %20s\n", all[i].view, all[i].leases, "-", "-");
}

static int run(struct command_context *context, int argc, char **argv)
{
    struct reader_leases leases;
    struct metrics metrics;
    struct arena *a = &context->arena;
    const char *url = context->options[0] ? context->options[0] : context->settings.metrics;
    (void)argc, (void)argv;
    PGconn *c = command_connect(context);
    int result = c ? read_leases(&leases, a, c, context->settings.standbys) : -1;
    PQfinish(c);
    if (result < 0)
        return EXIT_FAILED;
    print_leases(&leases);
    if (!url)
        return EXIT_OK;
    if (read_metrics(&metrics, a, url) < 0)
        return EXIT_FAILED;
    print_usage(a, &leases, &metrics);
    return EXIT_OK;
}

static const struct command_option options[] = {
    {"metrics", "URL", "of the responders' metrics, in place of \"metrics\" in oriel.json", NULL},
    {NULL, NULL, NULL, NULL},
};

const struct command command_readers = {
    .name = "readers",
    .arguments = "",
    .summary = "who serves which contract now; with the responders' metrics, how often each is asked for",
    .options = options,
    .details =
        "The counts are all requests since the responders' master was started, and those of them that were answered\n"
        "by a status from 400 on. A contract without a lease shows when it was asked for, and one that nobody counts\n"
        "shows a dash.\n",
    .run = run};
