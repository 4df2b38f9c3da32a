/* The text of /metrics: as the responders write it, as others may pass it on, and what is none. */
#include "t/unit/tap.h"
#include "worker/metrics.h"

static struct arena arena;
static struct metrics m;

static void test_counts(void)
{
    is_int(metrics_read(&m, &arena,
                        "# HELP oriel_requests_total Requests answered, by contract, version and status.\n"
                        "# TYPE oriel_requests_total counter\n"
                        "oriel_requests_total{contract=\"\",version=\"\",status=\"404\"} 7\n"
                        "oriel_requests_total{contract=\"items\",version=\"1\",status=\"200\"} 5\n"
                        "oriel_requests_total{contract=\"items\",version=\"1\",status=\"304\"} 2\n"
                        "oriel_requests_total{contract=\"items\",version=\"1\",status=\"404\"} 3\n"
                        "oriel_requests_total{contract=\"items\",version=\"1\",status=\"503\"} 1\n"
                        "oriel_requests_total{contract=\"items\",version=\"1\",status=\"other\"} 1\n"
                        "oriel_requests_total{contract=\"items\",version=\"2\",status=\"200\"} 0\n"
                        "oriel_request_seconds_bucket{contract=\"items\",version=\"1\",le=\"+Inf\"} 99\n"
                        "oriel_responders 2\n"),
           0, "what the responders write");
    is_int((long long)m.n, 3, "three rows");
    is(m.list[0].entity, "", "of no contract");
    is_int(m.list[0].version, 0, "nor version");
    is_int((long long)m.list[0].refused, 7, "all of them refused");
    is(m.list[1].entity, "items", "of a contract");
    is_int((long long)m.list[1].answered, 12, "over all statuses");
    is_int((long long)m.list[1].refused, 4, "of them those from 400 on");
    is_int(m.list[2].version, 2, "another version by itself");
    is_int((long long)m.list[2].answered, 0, "of which there is no request");
}

static void test_form(void)
{
    is_int(metrics_read(&m, &arena,
                        "oriel_requests_total{ status=\"200\", instance=\"a,}b\" , version=\"3\",contract="
                        "\"a\\\"\\\\n\\nb\", } 1.5e3 1700000000000\r\n"
                        "oriel_requests_total_created{contract=\"x\"} no number"),
           0, "labels in another order, more of them, blanks, a time, and no line break at the end");
    is_int((long long)m.n, 1, "one row");
    is(m.list[0].entity, "a\"\\n\nb", "escapes are taken out");
    is_int((long long)m.list[0].answered, 1500, "a number as a float");
}

static void test_wrong(void)
{
    static const char *const wrong[] = {
        "oriel_requests_total{contract=\"x\"}",         "oriel_requests_total{contract=\"x\"} many",
        "oriel_requests_total{contract=\"x\"} -1",      "oriel_requests_total{contract=\"x\"} NaN",
        "oriel_requests_total{contract=\"x} 1",         "oriel_requests_total{contract=\"x\\",
        "oriel_requests_total{contract=x} 1",           "oriel_requests_total{contract",
        "oriel_requests_total{contract=\"x\" \"y\"} 1", "oriel_requests_total{contract=\"x\"} 1x",
        "oriel_requests_total{contract=\"x\n\"} 1",     "oriel_requests_total{",
    };
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        is_int(metrics_read(&m, &arena, arena_printf(&arena, "a 1\n%s\n", wrong[i])), -1, wrong[i]);
        is_int((long long)m.wrong_line, 2, "the line is told");
    }
    is_int(metrics_read(&m, &arena, "<html>\n<p>Welcome\n"), -1, "a page for people");
    is_int((long long)m.wrong_line, 0, "no line of it");
    ok(m.problem && strstr(m.problem, "not the metrics of Oriel"), "which is said");
    is_int(metrics_read(&m, &arena, ""), -1, "nothing");
}

int main(void)
{
    arena_init(&arena);
    test_counts();
    test_form();
    test_wrong();
    arena_release(&arena);
    return tap_done();
}
