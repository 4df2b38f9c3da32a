#include "worker/known.h"

#include <stdlib.h>

#include "lib/mem.h"

enum { FIRST_ROOM = 64 };

/* Open addressing, linear probing, at most three quarters full. */
struct known_part {
    struct known_row *rows;
    uint32_t room, n;
};

void known_init(struct known *k)
{
    *k = (struct known){0};
}

void known_release(struct known *k)
{
    for (size_t i = 0; k->parts && i < KNOWN_PARTS; i++)
        free(k->parts[i].rows);
    free(k->parts);
    known_init(k);
}

/* The upper eight bits choose the part, those below the place, so that a part may have any number of them. */
static struct known_part *part_of(const struct known *k, uint64_t key)
{
    return &k->parts[key >> 56];
}

static size_t first_place(const struct known_part *p, uint64_t key)
{
    return (size_t)((key >> 24 & UINT32_MAX) * p->room >> 32);
}

/* The place of the key, or the empty one where it goes. */
static struct known_row *place_of(const struct known_part *p, uint64_t key)
{
    size_t i = first_place(p, key);
    while (p->rows[i].key && p->rows[i].key != key)
        i = i + 1 == p->room ? 0 : i + 1;
    return &p->rows[i];
}

static struct known_row *find(const struct known *k, uint64_t key)
{
    const struct known_part *p = k->parts ? part_of(k, key) : NULL;
    if (!p || !p->room)
        return NULL;
    struct known_row *row = place_of(p, key);
    return row->key ? row : NULL;
}

/* 0 stands for nothing in both hashes. */
static uint64_t not_zero(uint64_t hash)
{
    return hash ? hash : 1;
}

bool known_is(const struct known *k, struct known_row row)
{
    const struct known_row *found = find(k, not_zero(row.key));
    return found && found->said == not_zero(row.said);
}

void known_forget(struct known *k, uint64_t key)
{
    struct known_row *found = find(k, not_zero(key));
    if (found)
        found->said = 0;
}

/* Half as many places more, without those of what was forgotten. False: that would be beyond `most`. */
static bool grow(struct known *k, struct known_part *p, size_t most)
{
    uint32_t room = p->room ? p->room + p->room / 2 : FIRST_ROOM;
    size_t more = (room - p->room) * sizeof *p->rows;
    if (k->bytes + more > most)
        return false;
    struct known_part grown = {.room = room, .rows = mem_alloc(room * sizeof *grown.rows)};
    for (uint32_t i = 0; i < p->room; i++)
        if (p->rows[i].key && p->rows[i].said) {
            *place_of(&grown, p->rows[i].key) = p->rows[i];
            grown.n++;
        }
    k->n -= p->n - grown.n;
    k->bytes += more;
    free(p->rows);
    *p = grown;
    return true;
}

void known_note(struct known *k, struct known_row row, size_t most)
{
    uint64_t key = not_zero(row.key);
    struct known_row *found = find(k, key);
    if (found) {
        found->said = not_zero(row.said);
        return;
    }
    if (!k->parts)
        k->parts = mem_alloc(KNOWN_PARTS * sizeof *k->parts);
    struct known_part *p = part_of(k, key);
    if (((size_t)p->n + 1) * 4 > (size_t)p->room * 3 && !grow(k, p, most))
        return;
    *place_of(p, key) = (struct known_row){key, not_zero(row.said)};
    p->n++;
    k->n++;
}
