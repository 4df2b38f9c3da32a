#include "fcgi-app/board.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/log.h"
#include "lib/text.h"

enum {
    MOST_SEATS = 2048, /* twice the responders that there may be: each may have a successor beside it */
    MOST_CONTRACTS =
        1024, /* with counters of their own; the first is for requests that name none, and for those beyond */
    PLACES = 2 * MOST_CONTRACTS,
    NAME_SIZE = 64,
    US_PER_S = 1000000
};

/* The statuses that are told apart; others count as the last. */
static const int statuses[] = {200, 206, 300, 304, 400, 401, 403, 404, 405, 406, 414, 416, 500, 503, 504, 507, 0};

/* Upper limits of the histogram, in microseconds; one more has none. */
static const int64_t limits_us[] = {1000, 2500, 10000, 25000, 100000, 250000, 1000000, 5000000};

struct contract_counts {
    char entity[NAME_SIZE];
    int version;
    atomic_ullong answers[ARRAY_SIZE(statuses)];
    atomic_ullong slower[ARRAY_SIZE(limits_us) + 1]; /* answers by time, each in one place */
    atomic_ullong us;
};

struct board_seat {
    atomic_int taken;
    atomic_int states[BOARD_STATES];
};

struct board {
    atomic_ullong events[BOARD_EVENTS];
    atomic_int n_seats; /* that were ever taken */
    struct board_seat seats[MOST_SEATS];
    atomic_int n_contracts;
    atomic_short places[PLACES]; /* of contracts, from the place of the name's hash on; 0: none, as at first */
    struct contract_counts contracts[MOST_CONTRACTS];
};

struct board *board_new(void)
{
    /* the system gives it memory where it is written to, so what is not needed costs nothing */
    struct board *b = mmap(NULL, sizeof *b, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (b == MAP_FAILED) {
        log_errno("cannot get memory to share among the responders");
        return NULL;
    }
    b->n_contracts = 1;
    return b;
}

void board_free(struct board *b)
{
    if (b)
        munmap(b, sizeof *b);
}

/* The place that leads to the contract's counters, or the empty one where it goes: at most every other is taken. */
static atomic_short *place_of(struct board *b, const struct contract *c)
{
    for (size_t at = (text_hash(c->entity) + (size_t)c->version) % PLACES;; at = (at + 1) % PLACES) {
        int i = atomic_load(&b->places[at]);
        if (!i || (b->contracts[i].version == c->version && strcmp(b->contracts[i].entity, c->entity) == 0))
            return &b->places[at];
    }
}

void board_add_contracts(struct board *b, const struct contract_set *contracts)
{
    for (size_t i = 0; i < contracts->n; i++) {
        const struct contract *c = &contracts->contracts[i];
        int n = b->n_contracts;
        atomic_short *place = place_of(b, c);
        if (*place || n == MOST_CONTRACTS || strlen(c->entity) >= NAME_SIZE)
            continue;
        memcpy(b->contracts[n].entity, c->entity, strlen(c->entity) + 1);
        b->contracts[n].version = c->version;
        atomic_store(&b->n_contracts, n + 1);
        atomic_store(place, (short)n);
    }
}

struct board_seat *board_take_seat(struct board *b)
{
    for (int i = 0; i < MOST_SEATS; i++) {
        struct board_seat *seat = &b->seats[i];
        if (seat->taken)
            continue;
        memset(seat, 0, sizeof *seat);
        seat->taken = 1;
        if (b->n_seats <= i)
            b->n_seats = i + 1;
        return seat;
    }
    return NULL;
}

void board_leave_seat(struct board_seat *seat)
{
    memset(seat, 0, sizeof *seat);
}

void board_tell(struct board_seat *seat, enum board_state state, int value)
{
    if (atomic_load_explicit(&seat->states[state], memory_order_relaxed) != value)
        atomic_store(&seat->states[state], value);
}

int board_others_open(const struct board *b, const struct board_seat *mine)
{
    int open = 0;
    for (int i = 0; i < b->n_seats; i++)
        open += &b->seats[i] != mine && b->seats[i].states[BOARD_OPEN];
    return open;
}

static void add(atomic_ullong *counter, unsigned long long n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

void board_count(struct board *b, enum board_event event)
{
    add(&b->events[event], 1);
}

void board_count_answer(struct board *b, const struct contract *contract, int status, int64_t us)
{
    struct contract_counts *c = &b->contracts[contract ? *place_of(b, contract) : 0];
    size_t i = 0, slow = 0;
    while (statuses[i] && statuses[i] != status)
        i++;
    while (slow < ARRAY_SIZE(limits_us) && us > limits_us[slow])
        slow++;
    add(&c->answers[i], 1);
    add(&c->slower[slow], 1);
    add(&c->us, (unsigned long long)us);
}

/* --- as text --- */

static void put_meta(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A contract's labels. Entities are identifiers of Postgres, which may hold anything. */
static void put_labels(struct buf *out, const struct contract_counts *c)
{
    buf_puts(out, "{contract=\"");
    for (const char *s = c->entity; *s; s++) {
        if (*s == '"' || *s == '\\')
            buf_putc(out, '\\');
        if (*s == '\n')
            buf_puts(out, "\\n");
        else
            buf_putc(out, *s);
    }
    buf_puts(out, "\",version=\"");
    if (c->version)
        buf_printf(out, "%d", c->version);
    buf_putc(out, '"');
}

static void put_answers(const struct board *b, struct buf *out)
{
    put_meta(out, "oriel_requests_total", "counter", "Requests answered, by contract, version and status.");
    for (int i = 0; i < b->n_contracts; i++)
        for (size_t k = 0; k < ARRAY_SIZE(statuses); k++) {
            unsigned long long n = b->contracts[i].answers[k];
            if (!n && !(i && statuses[k] == 200)) /* a contract that nobody asks for shows by its zero */
                continue;
            buf_puts(out, "oriel_requests_total");
            put_labels(out, &b->contracts[i]);
            if (statuses[k])
                buf_printf(out, ",status=\"%d\"} %llu\n", statuses[k], n);
            else
                buf_printf(out, ",status=\"other\"} %llu\n", n);
        }
}

static void put_times(const struct board *b, struct buf *out)
{
    static const char name[] = "oriel_request_seconds";
    put_meta(out, name, "histogram", "From a request read to its answer, or to the head of a streamed one.");
    for (int i = 0; i < b->n_contracts; i++) {
        const struct contract_counts *c = &b->contracts[i];
        unsigned long long sum = 0;
        for (size_t k = 0; k <= ARRAY_SIZE(limits_us); k++) {
            sum += c->slower[k];
            buf_printf(out, "%s_bucket", name);
            put_labels(out, c);
            if (k < ARRAY_SIZE(limits_us))
                buf_printf(out, ",le=\"%g\"} %llu\n", (double)limits_us[k] / US_PER_S, sum);
            else
                buf_printf(out, ",le=\"+Inf\"} %llu\n", sum);
        }
        buf_printf(out, "%s_sum", name);
        put_labels(out, c);
        buf_printf(out, "} %.6f\n%s_count", (double)c->us / US_PER_S, name);
        put_labels(out, c);
        buf_printf(out, "} %llu\n", sum);
    }
}

static void put_events(const struct board *b, struct buf *out)
{
    static const char *const events[BOARD_EVENTS][2] = {
        [BOARD_REFUSED] = {"oriel_refused_total", "Requests refused by 503 because too many were under way."},
        [BOARD_HANDED] = {"oriel_handed_back_total", "Requests given back to the web server for another responder."},
        [BOARD_SHED] = {"oriel_shed_total", "Times that a responder stopped taking requests behind a long one."},
        [BOARD_STREAMED] = {"oriel_streams_total", "Answers sent row by row."},
        [BOARD_BROKEN_OFF] = {"oriel_streams_broken_total", "Answers sent row by row that did not reach their end."},
        [BOARD_RESTARTED] = {"oriel_responder_deaths_total", "Responders that ended untold and were replaced."},
    };
    for (size_t i = 0; i < BOARD_EVENTS; i++) {
        put_meta(out, events[i][0], "counter", events[i][1]);
        buf_printf(out, "%s %llu\n", events[i][0], (unsigned long long)b->events[i]);
    }
}

static void put_states(const struct board *b, struct buf *out)
{
    static const char *const states[BOARD_STATES][2] = {
        [BOARD_OPEN] = {"oriel_responders_open", "Responders that take requests."},
        [BOARD_CONNECTED] = {"oriel_responders_connected", "Responders whose connection to Postgres is good."},
        [BOARD_IN_FLIGHT] = {"oriel_requests_in_flight", "Requests at Postgres."},
        [BOARD_STREAMING] = {"oriel_responders_streaming", "Responders that send an answer row by row."},
    };
    int seats = 0;
    for (int i = 0; i < b->n_seats; i++)
        seats += b->seats[i].taken;
    put_meta(out, "oriel_responders", "gauge", "Responders that run.");
    buf_printf(out, "oriel_responders %d\n", seats);
    for (size_t state = 0; state < BOARD_STATES; state++) {
        int sum = 0;
        for (int i = 0; i < b->n_seats; i++)
            sum += b->seats[i].states[state];
        put_meta(out, states[state][0], "gauge", states[state][1]);
        buf_printf(out, "%s %d\n", states[state][0], sum);
    }
}

void board_print(const struct board *b, struct buf *out)
{
    put_answers(b, out);
    put_times(b, out);
    put_states(b, out);
    put_events(b, out);
}
