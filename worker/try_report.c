#include "worker/try_report.h"

#include <stdlib.h>
#include <string.h>

enum { LONGEST_LINE = 256 << 20 };

static bool same(const char *x, const char *y)
{
    return x && y ? strcmp(x, y) == 0 : x == y;
}

static struct tally *find_tally(struct try_report *r, const struct reason *reason)
{
    for (size_t i = 0; i < r->n_tallies; i++) {
        struct tally *t = &r->tallies[i];
        if (t->code == reason->code && t->action == reason->action && same(t->field, reason->field) &&
            same(t->rule, reason->rule))
            return t;
    }
    r->tallies = mem_realloc(r->tallies, (r->n_tallies + 1) * sizeof *r->tallies);
    struct tally *t = &r->tallies[r->n_tallies++];
    *t = (struct tally){.code = reason->code, .action = reason->action, .field = reason->field, .rule = reason->rule};
    if (reason->value)
        t->example = arena_strdup(&r->arena, reason->value);
    return t;
}

static void count_duplicate(void *context, const char *key)
{
    struct reason reason = {REASON_DUPLICATE_IN_BATCH, ACTION_REJECT, NULL, "primaryKey", key, NULL};
    find_tally(context, &reason)->count++;
}

void try_report_init(struct try_report *r, const struct entity *e, FILE *out, bool json, long long limit)
{
    *r = (struct try_report){.entity = e, .out = out, .json = json, .limit = limit};
    arena_init(&r->arena);
    buf_init(&r->line, LONGEST_LINE);
    try_merge_init(&r->merge, e, count_duplicate, r);
}

void try_report_release(struct try_report *r)
{
    free(r->tallies);
    try_merge_release(&r->merge);
    arena_release(&r->arena);
    buf_release(&r->line);
}

/* A text for a terminal: quoted, and no byte of it can steer the terminal. */
static void put_quoted(struct buf *b, const char *s, size_t n)
{
    size_t start = b->len;
    buf_json_string(b, s, n);
    for (size_t i = start; i < b->len; i++) {
        unsigned char next = (unsigned char)b->data[i + 1];
        bool c1 = (unsigned char)b->data[i] == 0xc2 && next >= 0x80 && next < 0xa0; /* U+0080 to U+009F */
        if (b->data[i] == 0x7f)
            b->data[i] = '?';
        else if (c1)
            b->data[i] = b->data[i + 1] = '?';
    }
}

static void put_string_or_null(struct buf *b, const char *key, const char *s)
{
    buf_printf(b, "\"%s\":", key);
    if (s)
        buf_json_string(b, s, strlen(s));
    else
        buf_puts(b, "null");
}

static void put_reason_json(struct buf *b, const struct reason *reason)
{
    buf_putc(b, '{');
    put_string_or_null(b, "field", reason->field);
    buf_putc(b, ',');
    put_string_or_null(b, "rule", reason->rule);
    buf_printf(b, ",\"reason\":\"%s\",\"action\":\"%s\",", reason_names[reason->code], action_names[reason->action]);
    put_string_or_null(b, "value", reason->value);
    buf_putc(b, ',');
    put_string_or_null(b, "message", reason->message);
    buf_putc(b, '}');
}

static void put_row_json(struct buf *b, const struct entity *e, const struct cleaned *cleaned)
{
    buf_puts(b, ",\"row\":{");
    for (size_t i = 0; i < e->n_fields; i++) {
        const struct cell *cell = &cleaned->cells[i];
        if (i)
            buf_putc(b, ',');
        buf_json_string(b, e->fields[i].name, strlen(e->fields[i].name));
        buf_putc(b, ':');
        if (cell->text)
            buf_json_string(b, cell->text, cell->len);
        else
            buf_puts(b, "null");
    }
    buf_putc(b, '}');
}

static void put_record_json(struct try_report *r, const struct cleaned *cleaned)
{
    struct buf *b = &r->line;
    buf_printf(b, "{\"record\":%lld,\"rejected\":%s", r->records, cleaned->rejected ? "true" : "false");
    if (!cleaned->rejected)
        put_row_json(b, r->entity, cleaned);
    buf_puts(b, ",\"reasons\":[");
    for (size_t i = 0; i < cleaned->n_reasons; i++) {
        if (i)
            buf_putc(b, ',');
        put_reason_json(b, &cleaned->reasons[i]);
    }
    buf_puts(b, "]}\n");
}

static void put_record(struct try_report *r, const struct cleaned *cleaned)
{
    const struct entity *e = r->entity;
    struct buf *b = &r->line;
    buf_printf(b, "record %lld%s\n", r->records, cleaned->rejected ? ": rejected" : "");
    for (size_t i = 0; !cleaned->rejected && i < e->n_fields; i++) {
        buf_printf(b, "  %s=", e->fields[i].name);
        if (cleaned->cells[i].text)
            put_quoted(b, cleaned->cells[i].text, cleaned->cells[i].len);
        else
            buf_puts(b, "null");
        buf_putc(b, '\n');
    }
    for (size_t i = 0; i < cleaned->n_reasons; i++) {
        const struct reason *reason = &cleaned->reasons[i];
        buf_printf(b, "  %s %s: %s, %s", action_names[reason->action], reason->field ? reason->field : "record",
                   reason_names[reason->code], reason->rule);
        if (reason->value) {
            buf_puts(b, ", ");
            put_quoted(b, reason->value, strlen(reason->value));
        }
        buf_printf(b, "%s%s\n", reason->message ? ": " : "", reason->message ? reason->message : "");
    }
}

static void print(struct try_report *r)
{
    if (r->progress)
        progress_end(r->progress);
    fwrite(buf_str(&r->line), 1, r->line.len, r->out);
    buf_reset(&r->line);
}

void try_report_record(struct try_report *r, const struct cleaned *cleaned, size_t len)
{
    long long *shown = cleaned->rejected ? &r->rejected : &r->rows;
    r->records++;
    ++*shown;
    for (size_t i = 0; i < cleaned->n_reasons; i++)
        find_tally(r, &cleaned->reasons[i])->count++;
    try_merge_record(&r->merge, cleaned, len);
    if (*shown > r->limit)
        return;
    if (r->json)
        put_record_json(r, cleaned);
    else
        put_record(r, cleaned);
    print(r);
}

void try_report_file_end(struct try_report *r)
{
    try_merge_end(&r->merge);
}

/* Records are rows, updates of such, unchanged or rejected. */
static long long new_rows(const struct try_report *r)
{
    return r->rows - r->merge.rejected - r->merge.unchanged - r->merge.updated;
}

static void put_summary_json(struct try_report *r)
{
    struct buf *b = &r->line;
    buf_printf(b,
               "{\"summary\":{\"records\":%lld,\"rows\":%lld,\"updated\":%lld,\"unchanged\":%lld,\"rejected\":%lld,"
               "\"reasons\":[",
               r->records, new_rows(r), r->merge.updated, r->merge.unchanged, r->rejected + r->merge.rejected);
    for (size_t i = 0; i < r->n_tallies; i++) {
        const struct tally *t = &r->tallies[i];
        buf_puts(b, i ? ",{" : "{");
        put_string_or_null(b, "field", t->field);
        buf_putc(b, ',');
        put_string_or_null(b, "rule", t->rule);
        buf_printf(b, ",\"reason\":\"%s\",\"action\":\"%s\",\"count\":%lld,", reason_names[t->code],
                   action_names[t->action], t->count);
        put_string_or_null(b, "example", t->example);
        buf_putc(b, '}');
    }
    buf_puts(b, "]}}\n");
}

/* As much of it as leaves the line readable; a whole record would fill several. */
static void put_example(struct buf *b, const char *s)
{
    enum { LONGEST = 50 };
    size_t n = strlen(s), shown = n > LONGEST ? LONGEST : n;
    while (shown < n && shown && ((unsigned char)s[shown] & 0xc0) == 0x80) /* not in the middle of a character */
        shown--;
    put_quoted(b, s, shown);
    buf_puts(b, shown < n ? "…" : "");
}

static void put_summary(struct try_report *r)
{
    struct buf *b = &r->line;
    buf_printf(b, "%lld records: %lld rows", r->records, new_rows(r));
    if (r->merge.updated)
        buf_printf(b, ", %lld updates of these%s", r->merge.updated,
                   r->entity->order_by ? " (or rejected: older by orderBy)" : "");
    if (r->merge.unchanged)
        buf_printf(b, ", %lld that say the same again", r->merge.unchanged);
    buf_printf(b, ", %lld rejected", r->rejected + r->merge.rejected);
    if (r->limit && (r->rows > r->limit || r->rejected > r->limit))
        buf_printf(b, " (the first %lld of each are shown)", r->limit);
    buf_putc(b, '\n');
    for (size_t i = 0; i < r->n_tallies; i++) {
        const struct tally *t = &r->tallies[i];
        buf_printf(b, "  %8lld  %-7s  %s: %s, %s", t->count, action_names[t->action], t->field ? t->field : "record",
                   reason_names[t->code], t->rule);
        if (t->example) {
            buf_puts(b, ", such as ");
            put_example(b, t->example);
        }
        buf_putc(b, '\n');
    }
}

static int most_first(const void *x, const void *y)
{
    const struct tally *tx = x, *ty = y;
    return (tx->count < ty->count) - (tx->count > ty->count);
}

void try_report_summary(struct try_report *r)
{
    if (r->n_tallies)
        qsort(r->tallies, r->n_tallies, sizeof *r->tallies, most_first);
    if (r->json)
        put_summary_json(r);
    else
        put_summary(r);
    print(r);
}
