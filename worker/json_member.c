/* Keys that stand twice in an object. */
#include <xxhash.h>

#include "worker/hash_seed.h"
#include "worker/json_walk.h"

struct member {
    const char *name;
    size_t n;
    uint32_t value; /* node of the last value of that name */
};

/* The slot of the name, or the one where it goes. Slots hold a member's number, from 1 on. */
static uint32_t *slot_of(uint32_t *slots, size_t n_slots, const struct member *list, const struct member *m)
{
    for (size_t i = XXH3_64bits_withSeed(m->name, m->n, hash_seed());; i++) {
        uint32_t *slot = &slots[i & (n_slots - 1)];
        const struct member *other = *slot ? &list[*slot - 1] : NULL;
        if (!other || (other->n == m->n && memcmp(other->name, m->name, m->n) == 0))
            return slot;
    }
}

/* Of the object's members those with different names, in the order in which these came first, each with its last value.
 * Returns how many; *all gets how many there were. */
static size_t list_members(const struct json_walk *w, uint32_t object, struct arena *a, struct member **out,
                           uint32_t **keys, size_t *all)
{
    const struct json json = {.text = w->s, .nodes = w->nodes};
    size_t room = 0, n = 0, n_slots = 2;
    for (uint32_t key = object + 1; key < w->n_nodes; key += 1 + w->nodes[key + 1].size)
        room++;
    while (n_slots < room * 2)
        n_slots *= 2;
    uint32_t *slots = arena_array(a, n_slots, sizeof *slots);
    *out = arena_array(a, room, sizeof **out);
    *keys = arena_array(a, room, sizeof **keys);
    for (uint32_t key = object + 1; key < w->n_nodes; key += 1 + w->nodes[key + 1].size) {
        struct member m = {.value = key + 1};
        m.name = json_decode(&json, &w->nodes[key], a, &m.n);
        uint32_t *slot = slot_of(slots, n_slots, *out, &m);
        if (*slot) {
            (*out)[*slot - 1].value = key + 1;
            continue;
        }
        (*keys)[n] = key;
        (*out)[n++] = m;
        *slot = (uint32_t)n;
    }
    *all = room;
    return n;
}

void json_make_unique(struct json_walk *w, uint32_t object)
{
    struct arena a;
    struct member *list;
    uint32_t *keys;
    size_t all;
    arena_init(&a);
    size_t n = list_members(w, object, &a, &list, &keys, &all);
    if (n < all) {
        size_t bytes = (w->n_nodes - object) * sizeof(struct json_node);
        const struct json_node *old = memcpy(arena_alloc(&a, bytes), w->nodes + object, bytes);
        struct json_node *to = w->nodes + object + 1;
        for (size_t i = 0; i < n; i++) {
            const struct json_node *value = old + (list[i].value - object);
            *to++ = old[keys[i] - object];
            memcpy(to, value, value->size * sizeof *to);
            to += value->size;
        }
        w->n_nodes = (uint32_t)(to - w->nodes);
    }
    arena_release(&a);
}
