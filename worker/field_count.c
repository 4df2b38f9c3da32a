#include "worker/field_count.h"

#include "lib/text.h"
#include "worker/json_read.h"

struct place {
    const struct place *parent; /* NULL: the whole record */
    const char *key;            /* of an object, or a column's name; n_key bytes and a NUL */
    size_t n_key;
    const char *from; /* as entity files name it; of an unknown place NULL until it is asked for */
    uint32_t hash;
    bool asked;  /* a field is read from here */
    bool on_way; /* a field is read from further below */
    long long n; /* records that have it */
    /* Records of a source mostly have the same keys in the same order: what came first in here, and after this, when
     * they were last looked at. */
    struct place *first, *next;
};

/* FNV-1a, 32 bits, over the parent's hash and the key. */
static uint32_t hash_of(const struct place *parent, const char *key, size_t n)
{
    uint32_t h = parent->hash;
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)key[i]) * 0x01000193u;
    return h ^ h >> 15;
}

static bool is_called(const struct place *p, const char *key, size_t n)
{
    return p->n_key == n && memcmp(p->key, key, n) == 0;
}

/* The slot of that place, or the one where it goes; there is always a free one. */
static struct place **slot_of(const struct field_count *f, const struct place *parent, const char *key, size_t n,
                              uint32_t hash)
{
    for (size_t i = hash;; i++) {
        struct place **slot = &f->slots[i & (f->n_slots - 1)];
        if (!*slot || ((*slot)->hash == hash && (*slot)->parent == parent && is_called(*slot, key, n)))
            return slot;
    }
}

static struct place *add(struct field_count *f, struct arena *a, struct place **slot, const struct place *parent,
                         const char *key, size_t n, uint32_t hash)
{
    struct place *p = arena_alloc(a, sizeof *p);
    *p = (struct place){.parent = parent, .key = arena_memdup(a, key, n), .n_key = n, .hash = hash};
    *slot = p;
    f->list[f->n++] = p;
    return p;
}

/* ---- what is asked for ---- */

static struct place *ask_step(struct field_count *f, const struct place *parent, const char *key)
{
    size_t n = strlen(key);
    uint32_t hash = hash_of(parent, key, n);
    struct place **slot = slot_of(f, parent, key, n, hash);
    return *slot ? *slot : add(f, &f->asked, slot, parent, key, n, hash);
}

static void ask(struct field_count *f, const char *from)
{
    struct place *at = f->root;
    if (*from != '/')
        at = ask_step(f, at, from);
    else
        for (const char *step = from, *end; *step; step = end) {
            end = strchrnul(step + 1, '/');
            char *key = arena_memdup(&f->asked, step + 1, (size_t)(end - step - 1));
            document_unescape_step(key);
            at->on_way = true;
            at = ask_step(f, at, key);
        }
    at->asked = true;
    at->from = at->from ? at->from : from;
}

/* For each place that the source's entity files name. */
static void each_from(struct field_count *f, const struct source *source,
                      void (*visit)(struct field_count *, const char *))
{
    for (size_t e = 0; e < source->n_entities; e++)
        for (size_t i = 0; i < source->entities[e]->n_fields; i++)
            for (const char *const *from = source->entities[e]->fields[i].from; *from; from++)
                visit(f, *from);
}

static void count_steps(struct field_count *f, const char *from)
{
    f->n_asked++;
    for (const char *c = from + 1; *from && (c = strchr(c, '/')); c++)
        f->n_asked++;
}

void field_count_init(struct field_count *f, const struct source *source)
{
    *f = (struct field_count){.columns = source->format.kind == FORMAT_CSV, .n_slots = 64};
    arena_init(&f->asked);
    arena_init(&f->found);
    each_from(f, source, count_steps);
    size_t most = f->n_asked + MOST_UNKNOWN_FIELDS;
    while (f->n_slots < most * 2)
        f->n_slots *= 2;
    f->slots = arena_array(&f->asked, f->n_slots, sizeof(struct place *));
    f->list = arena_array(&f->asked, most, sizeof(struct place *));
    f->root = arena_alloc(&f->asked, sizeof *f->root);
    *f->root = (struct place){.key = "", .hash = 0x811c9dc5u};
    each_from(f, source, ask);
    f->n_asked = f->n;
}

void field_count_release(struct field_count *f)
{
    arena_release(&f->asked);
    arena_release(&f->found);
    *f = (struct field_count){0};
}

void field_count_reset(struct field_count *f)
{
    memset(f->slots, 0, f->n_slots * sizeof(struct place *));
    for (size_t i = 0; i < f->n_asked; i++) {
        struct place *p = f->list[i];
        *slot_of(f, p->parent, p->key, p->n_key, p->hash) = p;
        p->n = 0;
        p->first = p->next = NULL;
    }
    f->root->first = NULL;
    f->n = f->n_asked;
    f->header = (struct header){0};
    f->rows = f->records = f->others = 0;
    arena_reset(&f->found);
}

/* ---- what is there ---- */

static bool is_asked_as_a_whole(const struct place *p)
{
    while (p && !p->asked)
        p = p->parent;
    return p;
}

/* The place of a key; NULL when it belongs to one that is asked for, or is told apart from others no more. */
static struct place *find(struct field_count *f, const struct place *parent, const char *key, size_t n)
{
    uint32_t hash = hash_of(parent, key, n);
    struct place **slot = slot_of(f, parent, key, n, hash);
    if (*slot)
        return *slot;
    if (is_asked_as_a_whole(parent))
        return NULL;
    if (f->n - f->n_asked < MOST_UNKNOWN_FIELDS && n <= LONGEST_FIELD_NAME)
        return add(f, &f->found, slot, parent, key, n, hash);
    f->others++;
    return NULL;
}

/* A record that is looked into. */
struct looking {
    struct field_count *f;
    const struct json *json;
    struct arena *arena;
};

static void look_into(const struct looking *l, struct place *at, const struct json_node *node);

static void note(const struct looking *l, struct place *p, const struct json_node *value)
{
    bool deeper = p->on_way && (value->kind == JSON_OBJECT || value->kind == JSON_ARRAY);
    if (deeper)
        look_into(l, p, value);
    /* What stands where a way to fields should be is not asked for either; null is nothing. */
    if (p->asked || !p->on_way || (!deeper && value->kind != JSON_NULL))
        p->n++;
}

static void look_into_object(const struct looking *l, struct place *at, const struct json_node *object)
{
    struct place **expected = &at->first;
    for (const struct json_node *k = json_first(object), *end = json_behind(object); k < end; k = json_next_key(k)) {
        size_t n;
        const char *key = json_decode(l->json, k, l->arena, &n);
        struct place *p = *expected;
        if (!p || !is_called(p, key, n))
            p = find(l->f, at, key, n);
        if (!p)
            continue;
        *expected = p;
        expected = &p->next;
        note(l, p, k + 1);
    }
}

static void look_into_array(const struct looking *l, const struct place *at, const struct json_node *array)
{
    const struct field_count *f = l->f;
    for (size_t i = 0; i < f->n_asked; i++) {
        const struct json_node *element =
            f->list[i]->parent == at ? json_element(array, f->list[i]->key, f->list[i]->n_key) : NULL;
        if (element)
            note(l, f->list[i], element);
    }
}

static void look_into(const struct looking *l, struct place *at, const struct json_node *node)
{
    if (node->kind == JSON_ARRAY)
        look_into_array(l, at, node);
    else
        look_into_object(l, at, node);
}

static struct place *asked_column(const struct field_count *f, const char *key)
{
    size_t n = strlen(key);
    struct place *p = *slot_of(f, f->root, key, n, hash_of(f->root, key, n));
    return p && p->asked ? p : NULL;
}

static void add_column(struct field_count *f, const char *name, size_t number)
{
    char by_number[32];
    snprintf(by_number, sizeof by_number, "#%zu", number);
    struct place *asked[] = {asked_column(f, by_number), *name ? asked_column(f, name) : NULL};
    for (size_t i = 0; i < ARRAY_SIZE(asked); i++)
        if (asked[i])
            asked[i]->n += f->rows;
    if (asked[0] || asked[1])
        return;
    const char *key = *name ? name : by_number;
    struct place *p = find(f, f->root, key, strlen(key));
    if (p)
        p->n += f->rows;
    else
        f->others += f->rows - 1; /* find() has counted one */
}

/* Adds the rows of a CSV that were counted so far to its columns: rows of one header have the same ones. */
static void add_columns(struct field_count *f)
{
    const struct header *h = &f->header;
    for (size_t k = 0; f->rows && k < h->n; k++) {
        size_t i = h->names ? h->by_name[k] : k;
        const char *name = h->names ? h->names[i] : "";
        bool again = k && h->names && strcmp(name, h->names[h->by_name[k - 1]]) == 0;
        /* Of two columns with one name the second goes by its number, and so does one that is called like a number. */
        add_column(f, again || *name == '#' ? "" : name, i + 1);
    }
    f->rows = 0;
}

void field_count_record(struct field_count *f, const struct document *d, struct arena *a)
{
    f->records++;
    if (d->json) {
        look_into(&(struct looking){f, d->json, a}, f->root, d->json->nodes);
        return;
    }
    if (d->header->names != f->header.names || d->header->n != f->header.n) {
        add_columns(f);
        f->header = *d->header;
    }
    f->rows++;
}

/* ---- what came of it ---- */

static void put_pointer(struct buf *b, const struct place *p)
{
    if (!p->parent)
        return;
    put_pointer(b, p->parent);
    buf_putc(b, '/');
    for (const char *c = p->key; *c; c++)
        if (*c == '~' || *c == '/')
            buf_puts(b, *c == '~' ? "~0" : "~1");
        else
            buf_putc(b, *c);
}

static const char *name_of(const struct field_count *f, const struct place *p, struct arena *a)
{
    if (p->from || (f->columns && *p->key != '/'))
        return p->from ? p->from : arena_strdup(a, p->key);
    struct buf b;
    buf_init(&b, SIZE_MAX / 4); /* the keys on the way are an entity file's, and the last is bounded */
    put_pointer(&b, p);
    const char *name = arena_strdup(a, buf_str(&b));
    buf_release(&b);
    return name;
}

struct field_deviation *field_count_list(struct field_count *f, struct arena *a, size_t *n)
{
    add_columns(f);
    struct field_deviation *list = arena_array(a, f->n + 1, sizeof *list);
    *n = 0;
    for (size_t i = 0; i < f->n; i++) {
        const struct place *p = f->list[i];
        long long deviating = p->asked ? f->records - p->n : p->n;
        if (deviating)
            list[(*n)++] = (struct field_deviation){name_of(f, p, a), p->asked, deviating, 0};
    }
    if (f->others)
        list[(*n)++] = (struct field_deviation){"", false, f->others, 0};
    return list;
}
