#include "worker/load.h"

#include "worker/ledger.h"

enum { REJECTS_LARGEST = 1 << 30 };

static const char rejects_copy[] = "COPY ${ledger}.reject (" REJECT_COLUMNS ") FROM STDIN";
static const char tally_sql[] =
    "UPDATE ${ledger}.batch_entity SET rejected = rejected + $3::integer, unchanged = unchanged + $4::integer\n"
    "WHERE batch = $1::bigint AND entity = $2";

void load_init(struct load *l, const struct entity_set *set)
{
    *l = (struct load){.set = set, .rows = mem_alloc(set->n * sizeof *l->rows)};
    l->refused = mem_alloc(set->n * sizeof *l->refused);
    l->unread = mem_alloc(set->n * sizeof *l->unread);
    for (size_t i = 0; i < set->n; i++) {
        rows_init(&l->rows[i]);
        rows_init(&l->refused[i]);
    }
    buf_init(&l->rejects, REJECTS_LARGEST);
    arena_init(&l->record);
}

void load_release(struct load *l)
{
    for (size_t i = 0; l->set && i < l->set->n; i++) {
        rows_release(&l->rows[i]);
        rows_release(&l->refused[i]);
    }
    free(l->rows);
    free(l->refused);
    free(l->unread);
    free(l->tallies);
    buf_release(&l->rejects);
    arena_release(&l->record);
    *l = (struct load){0};
}

void load_reset(struct load *l)
{
    for (size_t i = 0; i < l->set->n; i++) {
        rows_reset(&l->rows[i]);
        rows_reset(&l->refused[i]);
        l->unread[i] = 0;
    }
    l->complete = l->known_is_out = false;
    l->delivery = 0;
    buf_reset(&l->rejects);
    l->n_tallies = 0;
    arena_reset(&l->record);
}

void load_next_record(struct load *l)
{
    arena_reset(&l->record);
}

/* Records come batch by batch, so the entry that counts them is among the last ones. */
static struct tally *tally_of(struct load *l, int64_t batch, size_t entity)
{
    for (size_t i = l->n_tallies; i-- > 0 && l->tallies[i].batch == batch;)
        if (l->tallies[i].entity == entity)
            return &l->tallies[i];
    if (l->n_tallies == l->tallies_room) {
        l->tallies_room = l->tallies_room ? l->tallies_room * 2 : 16;
        l->tallies = mem_realloc(l->tallies, l->tallies_room * sizeof *l->tallies);
    }
    struct tally *t = &l->tallies[l->n_tallies++];
    *t = (struct tally){.batch = batch, .entity = entity};
    return t;
}

static bool is_refused(const struct cleaned *cleaned, const struct field *f)
{
    for (const struct reason *r = cleaned->reasons; r < cleaned->reasons + cleaned->n_reasons; r++)
        if (r->field && r->action == ACTION_REJECT && strcmp(r->field, f->name) == 0)
            return true;
    return false;
}

/* What was rejected was there all the same: its key counts as seen, as far as it can be read. */
static void note_refused(struct load *l, size_t i, const struct cleaned *cleaned, struct lineage at, const char *client)
{
    const struct entity *e = &l->set->list[i];
    struct cleaned key = {.cells = arena_array(&l->record, e->n_fields, sizeof *key.cells)};
    for (size_t k = 0; k < e->n_fields; k++) {
        if (!e->fields[k].key)
            continue;
        if (!cleaned->cells || is_refused(cleaned, &e->fields[k]) || !cleaned->cells[k].text) {
            l->unread[i]++;
            return;
        }
        key.cells[k] = cleaned->cells[k];
    }
    (void)rows_add(&l->refused[i], e, at, client, &key);
}

void load_record(struct load *l, size_t i, const struct record *record, struct lineage at, const char *client)
{
    const struct entity *e = &l->set->list[i];
    if (record->problem) {
        reject_add(&l->rejects, at, e->file, record->problem);
        tally_of(l, at.batch, i)->refused++;
        if (l->complete)
            l->unread[i]++;
        return;
    }
    struct cleaned cleaned = {0};
    clean_document(e, &record->document, &l->record, &cleaned);
    for (size_t r = 0; r < cleaned.n_reasons; r++)
        reject_add(&l->rejects, at, e->file, &cleaned.reasons[r]);
    if (cleaned.rejected) {
        tally_of(l, at.batch, i)->refused++;
        if (l->complete)
            note_refused(l, i, &cleaned, at, client);
    } else if (!rows_add(&l->rows[i], e, at, client, &cleaned))
        tally_of(l, at.batch, i)->unchanged++;
}

size_t load_size(const struct load *l)
{
    size_t size = l->rejects.len;
    for (size_t i = 0; i < l->set->n; i++)
        size += l->rows[i].text.len;
    return size;
}

static int store_tallies(struct load *l, struct session *s)
{
    for (const struct tally *t = l->tallies; t < l->tallies + l->n_tallies; t++) {
        char batch[32], refused[16], unchanged[16];
        snprintf(batch, sizeof batch, "%lld", (long long)t->batch);
        snprintf(refused, sizeof refused, "%d", t->refused);
        snprintf(unchanged, sizeof unchanged, "%d", t->unchanged);
        const char *const params[] = {batch, l->set->list[t->entity].file, refused, unchanged};
        if (session_run(s, "counting records", ledger_sql(&l->record, l->set, tally_sql), 4, params) < 0)
            return -1;
    }
    return 0;
}

static int store_rejects(struct load *l, struct session *s)
{
    static const char doing[] = "storing rejects";
    if (l->rejects.failed) {
        failure_set(&s->failure, "54000", doing, "the reasons for rejects fill more than %d MiB",
                    REJECTS_LARGEST >> 20);
        return -1;
    }
    return l->rejects.len
               ? session_copy(s, doing, ledger_sql(&l->record, l->set, rejects_copy), l->rejects.data, l->rejects.len)
               : 0;
}

/* From here on merging notes the keys that it sees; until the records of this load are stored. */
static int begin_noting(struct load *l, struct merge *m, struct session *s)
{
    static const char doing[] = "noting the keys of a complete delivery";
    char id[32];
    snprintf(id, sizeof id, "%lld", (long long)l->delivery);
    m->complete = l->complete && l->delivery;
    if (!m->complete)
        return 0;
    if (session_run(s, doing, "INSERT INTO pg_temp.complete VALUES ($1::bigint)", 1, (const char *[]){id}) < 0)
        return -1;
    for (size_t i = 0; i < l->set->n; i++)
        if (merge_note_seen(m, s, i, &l->refused[i], 0, l->refused[i].n) < 0 ||
            (l->unread[i] && merge_note_unread(m, s, i, l->unread[i]) < 0))
            return -1;
    return 0;
}

static int end_noting(struct merge *m, struct session *s)
{
    bool any = m->complete;
    m->complete = false;
    return any ? session_run(s, "noting the keys of a complete delivery", "DELETE FROM pg_temp.complete", 0, NULL) : 0;
}

/* Of a complete delivery Postgres notes the keys, so there it sees all rows. */
static void take_out_known(struct load *l, const struct merge *m, size_t i)
{
    struct rows *rows = &l->rows[i];
    if (!m->watch || l->complete || !rows->n || rows->text.failed)
        return;
    bool *out = mem_alloc(rows->n * sizeof *out);
    if (watch_find_known(m->watch, i, rows, out)) {
        for (size_t r = 0; r < rows->n; r++)
            if (out[r])
                tally_of(l, rows->list[r].lineage.batch, i)->unchanged++;
        rows_take_out(rows, out);
    }
    free(out);
}

void load_take_out_known(struct load *l, const struct merge *m)
{
    for (size_t i = 0; !l->known_is_out && i < l->set->n; i++)
        take_out_known(l, m, i);
    l->known_is_out = true;
}

int load_store(struct load *l, struct merge *m, struct session *s, bool *changed)
{
    load_take_out_known(l, m);
    if (store_tallies(l, s) < 0 || store_rejects(l, s) < 0 || begin_noting(l, m, s) < 0)
        return -1;
    for (size_t i = 0; i < l->set->n; i++) {
        struct merge_counts counts = {0};
        if (merge_rows(m, s, i, &l->rows[i], &counts) < 0)
            return -1;
        if (counts.n[COUNT_WRITTEN])
            changed[i] = true;
    }
    load_reset(l);
    return end_noting(m, s);
}
