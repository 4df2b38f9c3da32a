#include "worker/try_merge.h"

#include <stdlib.h>

#include "worker/source.h"

enum { LONGEST_KEY = 200 };

void try_merge_init(struct try_merge *m, const struct entity *e, try_merge_duplicate *on_duplicate, void *context)
{
    *m = (struct try_merge){.entity = e,
                            .batch_records = SOURCE_BATCH_RECORDS,
                            .batch_bytes = SOURCE_BATCH_BYTES,
                            .on_duplicate = on_duplicate,
                            .context = context};
    rows_init(&m->rows);
    known_init(&m->known);
}

void try_merge_release(struct try_merge *m)
{
    rows_release(&m->rows);
    known_release(&m->known);
}

/* By key, those of one key in the order in which they came. */
static int compare_rows(const void *x, const void *y)
{
    const struct row *a = *(const struct row *const *)x, *b = *(const struct row *const *)y;
    int by_key = (a->known.key > b->known.key) - (a->known.key < b->known.key);
    return by_key ? by_key : (a->lineage.line > b->lineage.line) - (a->lineage.line < b->lineage.line);
}

/* The columns of a row's text that are its key: behind batch, line and client come the fields that are stored. */
static void tell_duplicate(const struct try_merge *m, const struct row *row)
{
    const char *p = m->rows.text.data + row->start;
    struct buf key;
    buf_init(&key, 1 << 20);
    for (int skipped = 0; skipped < 3; skipped++)
        p = strchr(p, '\t') + 1;
    for (size_t i = 0; i < m->entity->n_fields; i++) {
        const struct field *f = &m->entity->fields[i];
        size_t n = strcspn(p, "\t\n");
        if (!field_is_stored(f))
            continue;
        if (f->key)
            buf_printf(&key, "%s%.*s", key.len ? ", " : "", n < LONGEST_KEY ? (int)n : LONGEST_KEY, p);
        p += n + (p[n] == '\t');
    }
    m->on_duplicate(m->context, buf_str(&key));
    buf_release(&key);
}

/* Of rows with one key in the batch, the last: it goes to the table. */
static void take_winner(struct try_merge *m, const struct row *row)
{
    size_t before = m->known.n;
    if (known_is(&m->known, row->known)) {
        m->unchanged++;
        return;
    }
    known_note(&m->known, row->known, SIZE_MAX);
    m->updated += m->known.n == before;
}

void try_merge_end(struct try_merge *m)
{
    size_t n = m->rows.n;
    const struct row **sorted = mem_alloc((n + 1) * sizeof *sorted);
    bool *rejected = mem_alloc((n + 1) * sizeof *rejected);
    for (size_t i = 0; i < n; i++)
        sorted[i] = &m->rows.list[i];
    qsort(sorted, n, sizeof *sorted, compare_rows);
    for (size_t i = 0; i < n; i++) {
        size_t last = i;
        while (last + 1 < n && sorted[last + 1]->known.key == sorted[i]->known.key)
            last++;
        for (; i < last; i++) {
            bool same = sorted[i]->known.said == sorted[last]->known.said;
            m->unchanged += same;
            m->rejected += !same;
            rejected[sorted[i] - m->rows.list] = !same;
        }
        take_winner(m, sorted[last]);
    }
    for (size_t i = 0; i < n; i++) /* not by the hashes of their keys, which are others each time */
        if (rejected[i])
            tell_duplicate(m, &m->rows.list[i]);
    free(rejected);
    free(sorted);
    rows_reset(&m->rows);
    m->records = m->bytes = 0;
}

void try_merge_record(struct try_merge *m, const struct cleaned *cleaned, size_t len)
{
    m->records++;
    m->bytes += (long long)len;
    /* the batch's number is the same for all: rows that repeat are looked for within a batch */
    if (!cleaned->rejected && !rows_add(&m->rows, m->entity, (struct lineage){1, (int)m->records}, "", cleaned))
        m->unchanged++;
    if (m->records >= m->batch_records || m->bytes >= m->batch_bytes)
        try_merge_end(m);
}
