/*
 * Rows that are known: by key and content, up to a size, and none by chance.
 */
#include "t/unit/tap.h"
#include "worker/known.h"

/* Spread over all parts, as hashes are. */
static uint64_t spread(uint64_t n)
{
    n = (n + 1) * 0x9e3779b97f4a7c15;
    n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9;
    return (n ^ n >> 27) * 0x94d049bb133111eb;
}

static struct known_row row(uint64_t key, uint64_t said)
{
    return (struct known_row){spread(key), spread(said)};
}

static void test_one(void)
{
    struct known k;
    known_init(&k);
    ok(!known_is(&k, row(1, 1)), "nothing is known");
    known_forget(&k, spread(1));
    known_note(&k, row(1, 1), SIZE_MAX);
    ok(known_is(&k, row(1, 1)), "what was noted is");
    ok(!known_is(&k, row(1, 2)), "another content of the key is not");
    ok(!known_is(&k, row(2, 1)), "nor the content under another key");
    known_note(&k, row(1, 2), SIZE_MAX);
    ok(known_is(&k, row(1, 2)) && !known_is(&k, row(1, 1)), "the later content takes the earlier one's place");
    is_int(k.n, 1, "one row");
    known_forget(&k, spread(1));
    ok(!known_is(&k, row(1, 2)), "what was forgotten is not known");
    known_note(&k, row(1, 1), SIZE_MAX);
    ok(known_is(&k, row(1, 1)), "until it is noted again");
    known_note(&k, (struct known_row){0, 0}, SIZE_MAX);
    ok(known_is(&k, (struct known_row){0, 0}), "hashes that are zero are hashes like others");
    known_release(&k);
    ok(!known_is(&k, row(1, 1)), "after a release nothing is known");
    is_int(k.bytes, 0, "and nothing taken");
}

static void test_many(void)
{
    enum { N = 200000 };
    struct known k;
    int known = 0, wrong = 0;
    known_init(&k);
    for (uint64_t i = 0; i < N; i++)
        known_note(&k, row(i, i), SIZE_MAX);
    for (uint64_t i = 0; i < N; i++) {
        known += known_is(&k, row(i, i));
        wrong += known_is(&k, row(i, i + 1)) + known_is(&k, row(i + N, i));
    }
    is_int(known, N, "all of many are known");
    is_int(wrong, 0, "and nothing else");
    ok(k.bytes < N * 16 * 21 / 10, "in less than 34 bytes a row (%.1f)", (double)k.bytes / N);
    for (uint64_t i = 0; i < N; i += 2)
        known_forget(&k, spread(i));
    for (uint64_t i = N; i < N + N / 2; i++)
        known_note(&k, row(i, i), SIZE_MAX);
    known = 0;
    for (uint64_t i = 0; i < N + N / 2; i++)
        known += known_is(&k, row(i, i)) == (i >= N || i % 2);
    is_int(known, N + N / 2, "some are forgotten, others come, the rest stay");
    known_release(&k);
}

static void test_full(void)
{
    enum { N = 100000, MOST = 1 << 20 };
    struct known k;
    uint64_t known = 0, first = 0;
    known_init(&k);
    for (uint64_t i = 0; i < N; i++) {
        known_note(&k, row(i, i), MOST);
        if (i == 1000)
            for (uint64_t j = 0; j <= i; j++)
                first += known_is(&k, row(j, j));
    }
    for (uint64_t i = 0; i < N; i++)
        known += known_is(&k, row(i, i));
    is_int(first, 1001, "all are known while there is room");
    ok(k.bytes <= MOST, "a set keeps to its size");
    is_int(known, k.n, "what was taken is known");
    ok(known > MOST / 16 / 2 && known < N, "and it is full of it (%d)", (int)known);
    known = 0;
    for (uint64_t i = 0; i <= 1000; i++) {
        known_note(&k, row(i, i + 1), MOST);
        known += known_is(&k, row(i, i + 1));
    }
    is_int(known, 1001, "what is known of a key can change in a full set");
    known_release(&k);
}

int main(void)
{
    test_one();
    test_many();
    test_full();
    return tap_done();
}
