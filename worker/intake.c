#include "worker/intake.h"

enum { LARGEST_RECORDS = 1 << 30, BYTEA_OID = 17, ARRAY_HEADER = 20 };

void intake_init(struct intake *in, const struct source *source, const struct entity_set *entities)
{
    *in = (struct intake){0};
    load_init(&in->load, entities);
    field_count_init(&in->fields, source);
    buf_init(&in->records, LARGEST_RECORDS);
}

void intake_release(struct intake *in)
{
    load_release(&in->load);
    field_count_release(&in->fields);
    buf_release(&in->records);
}

void intake_reset(struct intake *in)
{
    load_reset(&in->load);
    field_count_reset(&in->fields);
    buf_reset(&in->records);
    *in = (struct intake){.load = in->load, .fields = in->fields, .records = in->records};
}

static void put_network_integer(struct buf *b, uint32_t n)
{
    buf_put(b, (unsigned char[]){n >> 24, n >> 16 & 255, n >> 8 & 255, n & 255}, 4);
}

/* Postgres' binary form of a one-dimensional array: dimensions, flags, element type, length, lower bound. */
static void put_array_header(struct buf *b, int n)
{
    put_network_integer(b, 1);
    put_network_integer(b, 0);
    put_network_integer(b, BYTEA_OID);
    put_network_integer(b, (uint32_t)n);
    put_network_integer(b, 1);
}

void intake_begin(struct intake *in, int64_t batch, uint64_t offset)
{
    intake_reset(in);
    in->batch = batch;
    in->offset = in->next_offset = offset;
    put_array_header(&in->records, 0);
}

static void take(struct intake *in, const struct source *source, const struct record *record)
{
    in->load.complete = source->complete;
    put_network_integer(&in->records, (uint32_t)record->len);
    buf_put(&in->records, record->bytes, record->len);
    if (in->n++ == 0)
        in->offset = record->offset;
    in->next_offset = record->next_offset;
    struct lineage at = {.batch = in->batch, .line = in->n};
    if (!record->problem)
        field_count_record(&in->fields, &record->document, &in->load.record);
    for (size_t i = 0; i < source->n_entities; i++)
        load_record(&in->load, (size_t)(source->entities[i] - in->load.set->list), record, at, source->client);
}

/* Now that the number of records is known. */
static void finish(struct intake *in)
{
    struct buf header;
    buf_init(&header, ARRAY_HEADER);
    put_array_header(&header, in->n);
    memcpy(in->records.data, header.data, ARRAY_HEADER);
    buf_release(&header);
    in->complete = true;
}

bool intake_read(struct intake *in, struct delivery *d, int most)
{
    const struct source *source = d->source;
    while (!in->complete && most-- > 0) {
        struct record record = {0};
        load_next_record(&in->load);
        int got = reader_next(d->reader, &in->load.record, &record);
        in->failed = got < 0;
        in->part_ends = got == 0;
        in->last = in->part_ends && !delivery_has_more(d);
        if (got > 0) {
            take(in, source, &record);
            in->part_records = ++d->part_records;
        }
        if (got <= 0 || in->n == source->batch_records || in->records.len >= (size_t)source->batch_bytes)
            finish(in);
    }
    return in->complete;
}
