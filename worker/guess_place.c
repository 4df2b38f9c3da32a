/* Taking a sample in: where in the documents something stands, and what the values there are like. */
#include <ctype.h>

#include "lib/text.h"
#include "worker/guess_form.h"
#include "worker/json_read.h"
#include "worker/operation.h"

enum {
    LONGEST_EXAMPLE = 60,
    LONGEST_BIGINT = 18, /* digits that a bigint holds, whatever they are */
    MANY_MISSES = 50     /* a form is dropped when it misses so many, and a fifth of all */
};

void guess_init(struct guess *g, struct arena *a, size_t depth)
{
    *g = (struct guess){.arena = a, .forms = guess_form_entity(a), .depth = depth};
}

static uint64_t hash(const char *s, size_t n)
{
    uint64_t h = 0xcbf29ce484222325; /* FNV-1a, 64 bits */
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)s[i]) * 0x100000001b3;
    h ^= h >> 29;
    h *= 0xbf58476d1ce4e5b9;
    return h ^ h >> 32;
}

static struct guess_place *find_place(struct guess *g, const char *from, const char *label, size_t likely)
{
    if (likely < g->n && strcmp(g->places[likely]->from, from) == 0)
        return g->places[likely];
    for (size_t i = 0; i < g->n; i++)
        if (strcmp(g->places[i]->from, from) == 0)
            return g->places[i];
    if (g->n == GUESS_MOST_PLACES) {
        g->full = true;
        return NULL;
    }
    if (g->n == g->room) {
        struct guess_place **old = g->places;
        g->room = g->room ? g->room * 2 : 32;
        g->places = arena_array(g->arena, g->room, sizeof(struct guess_place *));
        if (old)
            memcpy(g->places, old, g->n * sizeof(struct guess_place *));
    }
    struct guess_place *p = arena_alloc(g->arena, sizeof *p);
    p->from = arena_strdup(g->arena, from);
    p->label = arena_strdup(g->arena, label);
    return g->places[g->n++] = p;
}

static void keep_hash(struct guess *g, struct guess_place *p, uint64_t h)
{
    if (g->records >= p->room) {
        size_t room = g->records < 64 ? 128 : g->records * 2;
        uint64_t *more = arena_array(g->arena, room, sizeof *more);
        if (p->n_hashes)
            memcpy(more, p->hashes, p->n_hashes * sizeof *more);
        p->hashes = more;
        p->room = room;
    }
    p->hashes[g->records] = h ? h : 1;
    p->n_hashes = g->records + 1;
}

static void keep_example(struct guess *g, struct guess_place *p, const struct value *v)
{
    char *text = arena_alloc(g->arena, LONGEST_EXAMPLE + 4);
    size_t n = v->len < LONGEST_EXAMPLE ? v->len : LONGEST_EXAMPLE;
    while (n < v->len && n && ((unsigned char)v->text[n] & 0xc0) == 0x80) /* not in the middle of a character */
        n--;
    memcpy(text, v->text, n);
    for (size_t i = 0; i < p->n_examples; i++)
        if (strcmp(p->examples[i], text) == 0)
            return;
    p->examples[p->n_examples++] = text;
}

static void keep_truth(struct guess *g, struct guess_place *p, const struct value *v)
{
    int truth = guess_truth(v->text, v->len);
    if (truth < 0)
        return;
    *(truth ? &p->yes : &p->no) += 1;
    p->bits += v->len == 1 && isdigit((unsigned char)*v->text);
    if (v->kind == VALUE_BOOLEAN)
        return;
    for (size_t i = 0; i < p->n_words; i++)
        if (strlen(p->words[i]) == v->len && memcmp(p->words[i], v->text, v->len) == 0)
            return;
    if (p->n_words < GUESS_MOST_WORDS)
        p->words[p->n_words++] = arena_memdup(g->arena, v->text, v->len);
}

/* What stands beside the digits, signs and spaces. */
static uint64_t hash_around(const struct value *v)
{
    uint64_t h = 0;
    for (size_t i = 0; i < v->len; i++)
        if (!isdigit((unsigned char)v->text[i]) && !strchr(" .,+-", v->text[i]))
            h = (h + (unsigned char)v->text[i] + 1) * 0x100000001b3;
    return h;
}

static void look_at_text(struct guess_place *p, const struct value *v, struct arena *scratch)
{
    static bool (*const apply[])(const struct operation *self, struct arena *a,
                                 struct cell *text) = {operation_strip_tags, operation_unescape_html};
    size_t zero = v->len > 1 && v->text[0] == '0', digits = 0, characters = 0, spaces = 0, wide = 0, glued = 0;
    for (size_t i = 0; i < v->len; i++) {
        unsigned char c = (unsigned char)v->text[i];
        digits += isdigit(c) != 0;
        characters += (c & 0xc0) != 0x80;
        spaces += i && c == ' ' && v->text[i - 1] == ' ';
        glued += i && isdigit(c) && isalpha((unsigned char)v->text[i - 1]);
        wide += c == 0xcc || c == 0xcd; /* lead bytes of U+0300 to U+036F, the combining marks that NFC takes in */
    }
    p->codes += zero && digits == v->len;
    p->longest = characters > p->longest ? characters : p->longest;
    p->glued += glued > 0;
    p->changed[2] += wide > 0;
    p->changed[3] += spaces > 0;
    for (size_t i = 0; i < ARRAY_SIZE(apply); i++) {
        struct operation o = {.name = guess_operations[i]};
        struct cell text = {v->text, v->len};
        if (memchr(v->text, i ? '&' : '<', v->len) && apply[i](&o, scratch, &text))
            p->changed[i] += text.len != v->len || memcmp(text.text, v->text, v->len) != 0;
    }
}

static void try_forms(const struct guess *g, struct guess_place *p, const struct value *v, struct arena *scratch)
{
    static const char *const names[] = {"v"};
    const struct header *header = header_make(scratch, names, 1);
    struct document d = {.header = header, .cells = v};
    for (size_t i = 0; i < guess_n_forms; i++) {
        struct guess_tally *t = &p->tallies[i];
        if (t->dropped)
            continue;
        struct entity one = *g->forms;
        struct cleaned c;
        one.fields = &g->forms->fields[i + 1]; /* the first is the key that an entity must have */
        one.n_fields = 1;
        clean_document(&one, &d, scratch, &c);
        bool fits = !c.n_reasons && c.cells[0].text;
        if (fits && one.fields->type == TYPE_INTEGER)
            fits = c.cells[0].len - (c.cells[0].text[0] == '-') <= LONGEST_BIGINT;
        if (fits) {
            t->fits++;
            t->digest += hash(c.cells[0].text, c.cells[0].len) * (g->records + 1);
        } else
            t->dropped = p->values - t->fits > MANY_MISSES && (p->values - t->fits) * 5 > p->values;
    }
}

/* The value without space at its ends. */
static struct value trimmed(const struct value *v)
{
    struct value t = *v;
    while (t.len && isspace((unsigned char)t.text[t.len - 1]))
        t.len--;
    while (t.len && isspace((unsigned char)*t.text)) {
        t.text++;
        t.len--;
    }
    return t;
}

static bool is_token(struct guess_place *p, const struct value *v)
{
    for (size_t i = 0; i < guess_n_tokens; i++)
        if (strlen(guess_tokens[i].text) == v->len && memcmp(guess_tokens[i].text, v->text, v->len) == 0) {
            p->tokens[i]++;
            return true;
        }
    return false;
}

static void add_value(struct guess *g, const char *from, const char *label, size_t likely,
                      const struct value *as_it_came, struct arena *scratch)
{
    struct guess_place *p = find_place(g, from, label, likely);
    if (!p)
        return;
    p->kinds[as_it_came->kind]++;
    if (as_it_came->kind == VALUE_ABSENT || as_it_came->kind == VALUE_NULL)
        return;
    struct value v = trimmed(as_it_came);
    if (!v.len || is_token(p, &v))
        return;
    p->values++;
    if (p->n_examples < GUESS_EXAMPLES)
        keep_example(g, p, &v);
    keep_hash(g, p, hash(v.text, v.len));
    if (v.kind == VALUE_OBJECT || v.kind == VALUE_ARRAY)
        return;
    p->nuls += memchr(v.text, 0, v.len) != NULL;
    keep_truth(g, p, &v);
    look_at_text(p, &v, scratch);
    uint64_t around = hash_around(&v);
    p->around = p->values == 1 ? around : p->around;
    p->same_around += around == p->around;
    try_forms(g, p, &v, scratch);
}

const char *guess_step(const char *key, struct arena *a)
{
    char *out = arena_alloc(a, 2 * strlen(key) + 1), *p = out;
    for (; *key; key++) {
        if (*key == '~' || *key == '/') {
            *p++ = '~';
            *p++ = *key == '~' ? '0' : '1';
        } else
            *p++ = *key;
    }
    return out;
}

static void add_members(struct guess *g, const struct json *json, const struct json_node *object, const char *at,
                        const char *label, size_t depth, struct arena *scratch)
{
    for (const struct json_node *k = json_first(object); k < json_behind(object); k = json_next_key(k)) {
        const char *key = json_name(json, k, scratch);
        const char *from = arena_printf(scratch, "%s/%s", at, guess_step(key, scratch));
        const char *name = *label ? arena_printf(scratch, "%s %s", label, key) : key;
        if (depth && k[1].kind == JSON_OBJECT && k[1].size > 1)
            add_members(g, json, k + 1, from, name, depth - 1, scratch);
        else {
            struct value v = document_value(json, k + 1, scratch);
            add_value(g, from, name, g->n, &v, scratch);
        }
    }
}

/* How an entity file names column i: by its name, where that finds it and no other. */
static const char *column_from(const struct header *h, size_t i, struct arena *a)
{
    const char *name = h->names ? h->names[i] : "";
    bool good = *name && *name != '/' && *name != '#';
    for (size_t k = 0; good && k < i; k++)
        good = strcmp(h->names[k], name) != 0;
    return good ? name : arena_printf(a, "#%zu", i + 1);
}

void guess_add(struct guess *g, const struct document *d, struct arena *scratch)
{
    if (d->json)
        add_members(g, d->json, d->json->nodes, "", "", g->depth, scratch);
    for (size_t i = 0; !d->json && i < d->header->n; i++) {
        const char *name = d->header->names ? d->header->names[i] : "";
        const char *from = g->records && i < g->n ? g->places[i]->from : column_from(d->header, i, scratch);
        add_value(g, from, *name ? name : arena_printf(scratch, "column %zu", i + 1), i, &d->cells[i], scratch);
    }
    g->records++;
}
