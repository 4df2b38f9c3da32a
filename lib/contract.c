#include "lib/contract.h"

#include <stdlib.h>
#include <string.h>

#include "lib/text.h"

const char *contract_name_entity(const char *view, size_t *length, int *version)
{
    static const char prefix[] = "v_";
    size_t n = strlen(view);
    const char *end = view + n;
    while (end > view && end[-1] >= '0' && end[-1] <= '9')
        end--;
    long long number;
    /* "v_" + at least one letter + "_v" + digits that do not begin with 0 */
    if (strncmp(view, prefix, 2) != 0 || end - view < 5 || strncmp(end - 2, "_v", 2) != 0 || *end == '0' ||
        text_integer(end, 1, 999999, &number) < 0)
        return NULL;
    *length = (size_t)(end - view) - 4;
    *version = (int)number;
    return view + 2;
}

int contract_name_split(struct arena *a, const char *view, const char **entity, int *version)
{
    size_t length;
    const char *at = contract_name_entity(view, &length, version);
    if (!at)
        return -1;
    *entity = arena_memdup(a, at, length);
    return 0;
}

/* As the set is ordered: below, equal to or above 0. entity has n bytes. */
static int compare(const struct contract *c, const char *entity, size_t n, int version)
{
    int order = strncmp(c->entity, entity, n);
    if (!order)
        order = c->entity[n] != 0; /* what goes on is greater */
    return order ? order : (c->version > version) - (c->version < version);
}

static const struct contract *find(const struct contract_set *set, const char *entity, size_t n, int version)
{
    size_t low = 0, high = set->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(&set->contracts[middle], entity, n, version);
        if (order == 0)
            return &set->contracts[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct contract *contract_find(const struct contract_set *set, const char *entity, int version)
{
    return find(set, entity, strlen(entity), version);
}

const struct contract *contract_find_view(const struct contract_set *set, const char *view)
{
    size_t n;
    int version;
    const char *entity = contract_name_entity(view, &n, &version);
    /* one whose name is no contract's is its own entity, without a version */
    return entity ? find(set, entity, n, version) : find(set, view, strlen(view), 0);
}

const struct contract_column *contract_find_column(const struct contract *c, const char *name)
{
    for (size_t i = 0; i < c->n_columns; i++)
        if (strcmp(c->columns[i].name, name) == 0)
            return &c->columns[i];
    return NULL;
}

int contract_next_version(const struct contract_set *set, int after)
{
    int next = 0;
    for (size_t i = 0; i < set->n; i++) {
        int version = set->contracts[i].version;
        if (version > after && (!next || version < next))
            next = version;
    }
    return next;
}

static int by_entity_and_version(const void *a, const void *b)
{
    const struct contract *x = a, *y = b;
    int order = strcmp(x->entity, y->entity);
    return order ? order : (x->version > y->version) - (x->version < y->version);
}

void contract_set_sort(struct contract_set *set)
{
    if (set->n)
        qsort(set->contracts, set->n, sizeof *set->contracts, by_entity_and_version);
}

static void put_list(struct buf *b, const char *const *list)
{
    for (; list && *list; list++) {
        buf_json_string(b, *list, strlen(*list));
        buf_putc(b, ' ');
    }
    buf_putc(b, '\n');
}

const char *contract_output_hash(const struct contract *c, struct arena *a)
{
    struct buf b;
    char hex[65];
    buf_init(&b, SIZE_MAX / 2);
    for (size_t i = 0; i < c->n_columns; i++) {
        const struct contract_column *col = &c->columns[i];
        put_list(&b, (const char *const[]){col->name, col->type, col->collation ? col->collation : "",
                                           col->not_null ? "not null" : "null", NULL});
    }
    buf_puts(&b, c->no_key ? "no key\n" : "key\n");
    put_list(&b, c->key);
    text_sha256(buf_str(&b), b.len, hex);
    buf_release(&b);
    return arena_strdup(a, hex);
}
