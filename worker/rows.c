#include "worker/rows.h"

#include <xxhash.h>

#include "lib/eight.h"
#include "worker/hash_seed.h"

enum { FIRST_SLOTS = 2048 };

void rows_init(struct rows *r)
{
    *r = (struct rows){0};
    buf_init(&r->text, ROWS_LARGEST);
    (void)hash_seed(); /* drawn before any thread is made */
}

void rows_release(struct rows *r)
{
    buf_release(&r->text);
    free(r->list);
    free(r->slots);
    rows_init(r);
}

void rows_reset(struct rows *r)
{
    buf_reset(&r->text);
    if (r->slotted)
        memset(r->slots, 0, r->n_slots * sizeof *r->slots);
    r->n = r->taken_out = 0;
    r->slotted = false;
}

bool field_is_stored(const struct field *f)
{
    return f->from[0] || f->default_text;
}

/* How many bytes of s stand before the first that COPY's text format wants escaped. */
static size_t plain_length(const char *s, size_t n)
{
    size_t i = 0;
    for (; n - i >= sizeof(uint64_t); i += sizeof(uint64_t)) {
        uint64_t bytes = eight_at(s + i);
        uint64_t found =
            eight_equal(bytes, '\\') | eight_equal(bytes, '\n') | eight_equal(bytes, '\r') | eight_equal(bytes, '\t');
        if (found)
            return i + eight_before(found);
    }
    while (i < n && s[i] != '\\' && s[i] != '\n' && s[i] != '\r' && s[i] != '\t')
        i++;
    return i;
}

/* COPY's text format: a backslash before what would end a value or a row. */
static void put_value(struct buf *b, const char *s, size_t n)
{
    for (;;) {
        size_t plain = plain_length(s, n);
        buf_put(b, s, plain);
        if (plain == n)
            return;
        char c = s[plain];
        buf_put(b, (char[]){'\\', c == '\n' ? 'n' : c == '\r' ? 'r' : c == '\t' ? 't' : c}, 2);
        s += plain + 1;
        n -= plain + 1;
    }
}

static void put_text(struct buf *b, const char *s, char end)
{
    if (s)
        put_value(b, s, strlen(s));
    else
        buf_put(b, "\\N", 2);
    buf_putc(b, end);
}

static uint64_t hash_key(const struct entity *e, const char *client, const struct cleaned *cleaned)
{
    uint64_t h = e->keyed_by_client ? XXH3_64bits_withSeed(client, strlen(client), hash_seed()) : hash_seed();
    for (size_t i = 0; i < e->n_fields; i++)
        if (e->fields[i].key && cleaned->cells[i].text)
            h = XXH3_64bits_withSeed(cleaned->cells[i].text, cleaned->cells[i].len, h);
    return h;
}

/* The slot of a row that says this, or the one where it goes. At least half of them are free; and that no row is missed
 * matters, or what becomes of a record would hang on the seed. */
static uint32_t *slot_of(const struct rows *r, uint64_t h, const char *said, size_t len)
{
    for (size_t at = h;; at++) {
        uint32_t *slot = &r->slots[at & (r->n_slots - 1)];
        if (!*slot)
            return slot;
        const struct row *row = &r->list[*slot - 1];
        size_t end = row[1].start;
        if (row->known.said == h && end - row->start >= len && memcmp(r->text.data + end - len, said, len) == 0)
            return slot;
    }
}

static void make_room(struct rows *r)
{
    if (r->n + 2 > r->room) {
        r->room = r->room ? r->room * 2 : FIRST_SLOTS / 2;
        r->list = mem_realloc(r->list, r->room * sizeof *r->list);
    }
    if (r->n * 2 < r->n_slots)
        return;
    r->n_slots = r->n_slots ? r->n_slots * 2 : FIRST_SLOTS;
    free(r->slots);
    r->slots = mem_alloc(r->n_slots * sizeof *r->slots);
    for (size_t i = r->n; i-- > 0;) { /* of those that say the same in several batches the last is found first */
        size_t at = r->list[i].known.said;
        while (r->slots[at & (r->n_slots - 1)])
            at++;
        r->slots[at & (r->n_slots - 1)] = (uint32_t)i + 1;
    }
}

/* A whole number of at least so many digits, and a tab. */
static void put_number(struct buf *b, uint64_t n, int least)
{
    char digits[24], *end = digits + sizeof digits, *at = end;
    *--at = '\t';
    while (n || end - at <= least) {
        *--at = (char)('0' + n % 10);
        n /= 10;
    }
    buf_put(b, at, (size_t)(end - at));
}

/* The line number has a fixed width, so that another can take its place. */
static void put_lineage(struct buf *b, struct lineage at)
{
    put_number(b, (uint64_t)at.batch, 1);
    put_number(b, (uint64_t)at.line, 10);
}

/* Whether an earlier row of the batch says the same; if so it now stands for the record at `at`. */
static bool repeats(struct rows *r, uint32_t *slot, struct lineage at)
{
    struct row *earlier = &r->list[*slot - 1];
    if (earlier->lineage.batch != at.batch)
        return false;
    char *line = strchr(r->text.data + earlier->start, '\t') + 1, digits[16];
    snprintf(digits, sizeof digits, "%010d", at.line);
    memcpy(line, digits, 10);
    earlier->lineage = at;
    return true;
}

bool rows_add(struct rows *r, const struct entity *e, struct lineage at, const char *client,
              const struct cleaned *cleaned)
{
    make_room(r);
    struct buf *b = &r->text;
    size_t start = b->len;
    put_lineage(b, at);
    size_t said = b->len;
    put_value(b, client, strlen(client));
    for (size_t i = 0; i < e->n_fields; i++) {
        if (!field_is_stored(&e->fields[i]))
            continue;
        const struct cell *cell = &cleaned->cells[i];
        buf_putc(b, '\t');
        if (cell->text)
            put_value(b, cell->text, cell->len);
        else
            buf_put(b, "\\N", 2);
    }
    buf_putc(b, '\n');
    if (b->failed)
        return true; /* it is told when the rows are stored */
    uint64_t h = XXH3_64bits_withSeed(b->data + said, b->len - said, hash_seed());
    uint32_t *slot = slot_of(r, h, b->data + said, b->len - said);
    if (*slot && repeats(r, slot, at)) {
        buf_trim_end(b, b->len - start);
        return false;
    }
    r->list[r->n] = (struct row){.start = start, .known = {hash_key(e, client, cleaned), h}, .lineage = at};
    r->list[++r->n].start = b->len;
    *slot = (uint32_t)r->n;
    r->slotted = true;
    return true;
}

void rows_take_out(struct rows *r, const bool *out)
{
    size_t n = 0, end = 0;
    for (size_t i = 0; i < r->n; i++) {
        if (out[i])
            continue;
        size_t start = r->list[i].start, len = r->list[i + 1].start - start;
        memmove(r->text.data + end, r->text.data + start, len);
        r->list[n] = r->list[i];
        r->list[n++].start = end;
        end += len;
    }
    r->taken_out += r->n - n;
    r->n = n;
    r->list[n].start = end;
    buf_trim_end(&r->text, r->text.len - end);
}

const char *rows_text(const struct rows *r, size_t first, size_t n, size_t *len)
{
    *len = n ? r->list[first + n].start - r->list[first].start : 0;
    return n ? r->text.data + r->list[first].start : "";
}

void reject_add(struct buf *text, struct lineage at, const char *entity_file, const struct reason *reason)
{
    buf_printf(text, "%lld\t%d\t", (long long)at.batch, at.line);
    put_text(text, entity_file, '\t');
    put_text(text, reason->field, '\t');
    put_text(text, reason->rule ? reason->rule : reason_names[reason->code], '\t');
    put_text(text, reason->value, '\t');
    put_text(text, reason_names[reason->code], '\t');
    put_text(text, action_names[reason->action], '\t');
    put_text(text, reason->message, '\n');
}
