-- Oriel's bookkeeping, version 6: raw by month. The records of a batch, which are nearly all of raw, move from raw.batch into
-- raw.payload, whose partitions are months, so that a month of them can be dropped in an instant. What is known of each batch,
-- and what became of its records, stays: a row keeps knowing its source and file, and counts stay true.

-- The table as it was becomes the first partition as it is: no record is copied, only the short rows that describe batches.
DROP VIEW raw.record;
ALTER TABLE raw.batch_entity DROP CONSTRAINT batch_entity_batch_fkey;
ALTER TABLE raw.reject DROP CONSTRAINT reject_batch_fkey;
ALTER TABLE raw.parked DROP CONSTRAINT parked_batch_fkey;
ALTER TABLE raw.batch RENAME TO payload_before;
ALTER SEQUENCE raw.batch_id_seq RENAME TO payload_before_id_seq;
ALTER TABLE raw.payload_before DROP CONSTRAINT batch_pkey;
DROP INDEX raw.batch_delivery, raw.batch_stored;

CREATE TABLE raw.batch (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source       text NOT NULL REFERENCES oriel.source,
    client       text NOT NULL,
    delivery     bigint REFERENCES oriel.delivery,
    first_record bigint NOT NULL,
    "offset"     bigint NOT NULL,
    received_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
    n_records    integer NOT NULL,
    format       jsonb NOT NULL,
    header       bytea,
    entities     jsonb NOT NULL,
    stored       bigint NOT NULL DEFAULT pg_catalog.nextval('raw.stored')
);
INSERT INTO raw.batch (id, source, client, delivery, first_record, "offset", received_at, n_records, format, header, entities, stored)
OVERRIDING SYSTEM VALUE
SELECT id, source, client, delivery, first_record, "offset", received_at, n_records, format, header, entities, stored
FROM raw.payload_before;
SELECT pg_catalog.setval('raw.batch_id_seq', last_value, is_called) FROM raw.payload_before_id_seq;
CREATE INDEX batch_delivery ON raw.batch (delivery);
CREATE INDEX batch_stored ON raw.batch (stored);
ALTER TABLE raw.batch_entity ADD FOREIGN KEY (batch) REFERENCES raw.batch;
ALTER TABLE raw.reject ADD FOREIGN KEY (batch) REFERENCES raw.batch;
ALTER TABLE raw.parked ADD FOREIGN KEY (batch) REFERENCES raw.batch;
COMMENT ON TABLE raw.batch IS 'What is known of each batch of input; its records stand in raw.payload, until their month is pruned.';
COMMENT ON COLUMN raw.batch.first_record IS 'Number of the batch''s first record within its delivery, counted from 1.';
COMMENT ON COLUMN raw.batch."offset" IS 'Byte of the delivery at which the first record begins.';
COMMENT ON COLUMN raw.batch.format IS 'How to read the records again: format, dialect, encoding, as in the source file.';
COMMENT ON COLUMN raw.batch.header IS 'The header record of a CSV or TSV delivery, as it came.';
COMMENT ON COLUMN raw.batch.entities IS 'Entity files that cleaned the batch, each with the SHA-256 of its text.';
COMMENT ON COLUMN raw.batch.stored IS 'Rises with each batch in the order of their commits; what a replay goes by.';

-- No foreign key to raw.batch: attaching and dropping a month would have to lock that table too, which every batch writes.
CREATE TABLE raw.payload (
    batch        bigint NOT NULL,
    received_at  timestamptz NOT NULL,
    records      bytea[] COMPRESSION lz4 NOT NULL,
    PRIMARY KEY (batch, received_at)
) PARTITION BY RANGE (received_at);
COMMENT ON TABLE raw.payload IS 'Input as it came, byte for byte: element n of records is record n of the batch. Bytes, not text, because a text '
    'cannot hold what does not decode, and a source whose encoding was declared wrongly must be replayable once that is mended.';
COMMENT ON COLUMN raw.payload.received_at IS 'As in raw.batch; a look-up that gives it too reads one partition.';

CREATE TABLE raw.month (
    name       text PRIMARY KEY,
    since      timestamptz NOT NULL UNIQUE,
    until      timestamptz NOT NULL,
    pruned_at  timestamptz,
    pruned_by  text,
    CHECK (since < until)
);
COMMENT ON TABLE raw.month IS 'Partitions of raw.payload, with the times between which their batches were received. One that was pruned is remembered: what '
    'came from it cannot be cleaned anew, and is not to be taken for rows that come from nothing.';

-- There is no default partition: what fell into it could not be dropped by month, and each new month would have to lock and
-- search it. Months are made ahead instead, by `oriel init` and by the worker, when it begins and then every hour; so its clock
-- would have to jump by two months before a batch found none. A table that is made first and then attached needs no lock that
-- a batch would wait for; and whoever analyses raw for an hour is not waited for either.
CREATE FUNCTION raw.make_months() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' SET lock_timeout = '1s' AS $$
DECLARE
    first timestamp := pg_catalog.date_trunc('month', pg_catalog.now() AT TIME ZONE 'UTC');
    month timestamp;
    part  text;
    made  integer := 0;
BEGIN
    FOR month IN SELECT first + n * '1 month'::interval FROM pg_catalog.generate_series(0, 2) n LOOP
        CONTINUE WHEN EXISTS (SELECT FROM raw.month m WHERE month AT TIME ZONE 'UTC' >= m.since AND month AT TIME ZONE 'UTC' < m.until);
        part := 'payload_' || pg_catalog.to_char(month, 'YYYY_MM');
        EXECUTE pg_catalog.format('CREATE TABLE raw.%I (LIKE raw.payload INCLUDING ALL)', part);
        EXECUTE pg_catalog.format('ALTER TABLE raw.payload ATTACH PARTITION raw.%I FOR VALUES FROM (%L) TO (%L)', part,
                                  month AT TIME ZONE 'UTC', (month + '1 month'::interval) AT TIME ZONE 'UTC');
        INSERT INTO raw.month (name, since, until) VALUES (part, month AT TIME ZONE 'UTC', (month + '1 month'::interval) AT TIME ZONE 'UTC');
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;
COMMENT ON FUNCTION raw.make_months IS 'Makes the partitions for this month and the next two, by UTC, where they are not there; how many that were.';

-- All that was kept so far is one partition, up to the end of the month of this upgrade. An empty one is none.
DO $$
DECLARE
    until timestamp;
    part  text;
BEGIN
    SELECT pg_catalog.date_trunc('month', GREATEST(pg_catalog.now(), pg_catalog.max(received_at)) AT TIME ZONE 'UTC') + '1 month'::interval
      INTO until FROM raw.payload_before HAVING pg_catalog.count(*) > 0;
    IF until IS NULL THEN
        DROP TABLE raw.payload_before;
        RETURN;
    END IF;
    ALTER TABLE raw.payload_before ALTER COLUMN id DROP IDENTITY;
    ALTER TABLE raw.payload_before RENAME COLUMN id TO batch;
    ALTER TABLE raw.payload_before ALTER COLUMN received_at DROP DEFAULT,
        DROP COLUMN source, DROP COLUMN client, DROP COLUMN delivery, DROP COLUMN first_record, DROP COLUMN "offset",
        DROP COLUMN n_records, DROP COLUMN format, DROP COLUMN header, DROP COLUMN entities, DROP COLUMN stored;
    part := 'payload_to_' || pg_catalog.to_char(until - '1 month'::interval, 'YYYY_MM');
    EXECUTE pg_catalog.format('ALTER TABLE raw.payload_before RENAME TO %I', part);
    EXECUTE pg_catalog.format('COMMENT ON TABLE raw.%I IS NULL', part);
    EXECUTE pg_catalog.format('ALTER TABLE raw.payload ATTACH PARTITION raw.%I FOR VALUES FROM (MINVALUE) TO (%L)', part, until AT TIME ZONE 'UTC');
    INSERT INTO raw.month (name, since, until) VALUES (part, '-infinity', until AT TIME ZONE 'UTC');
END
$$;
SELECT raw.make_months();

CREATE VIEW raw.record AS
SELECT b.id AS batch, r.line::integer, b.source, b.client, b.received_at, d.name AS delivery,
       b.first_record + r.line - 1 AS record,
       raw.as_text(r.bytes, COALESCE(b.format ->> 'encoding', 'UTF8')) AS text, r.bytes
FROM raw.batch b
JOIN raw.payload p ON p.batch = b.id AND p.received_at = b.received_at
LEFT JOIN oriel.delivery d ON d.id = b.delivery
CROSS JOIN LATERAL pg_catalog.unnest(p.records) WITH ORDINALITY AS r (bytes, line);
COMMENT ON VIEW raw.record IS 'raw.payload unfolded: one row per record that is kept, numbered within its batch (line) and its delivery (record).';
