-- Oriel's bookkeeping, version 1: kept input (schema raw) and what the programs know of their own work (schema oriel).
-- Run as oriel_owner. A file here is never edited once released: the next version is the next file.

CREATE TABLE oriel.bookkeeping (
    version     integer PRIMARY KEY,
    program     text NOT NULL,
    applied_at  timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE oriel.bookkeeping IS 'Versions of this schema that were applied; the greatest is the one in force.';

CREATE TABLE oriel.change_step (
    change      text NOT NULL,
    step        text NOT NULL CHECK (step IN ('expand', 'fill', 'prove', 'brownout', 'contract')),
    sha256      text NOT NULL,
    sql         text NOT NULL,
    applied_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (change, step)
);
COMMENT ON TABLE oriel.change_step IS 'What holds now of each change, with the text as it was applied. A revert takes a change''s rows away.';

CREATE TABLE oriel.change_log (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    change      text NOT NULL,
    step        text NOT NULL CHECK (step IN ('expand', 'fill', 'prove', 'brownout', 'contract', 'revert')),
    sha256      text NOT NULL,
    at          timestamptz NOT NULL DEFAULT pg_catalog.now(),
    by          text NOT NULL DEFAULT session_user
);
COMMENT ON TABLE oriel.change_log IS 'Every step that was ever done, in order; nothing is taken away.';

CREATE TABLE oriel.change_fill (
    change      text PRIMARY KEY,
    next_key    bigint NOT NULL,
    last_key    bigint NOT NULL,
    rows        bigint NOT NULL DEFAULT 0,
    started_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
    updated_at  timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE oriel.change_fill IS 'How far each fill is: keys below next_key are done. Written in the transaction of each range of keys.';

CREATE TABLE oriel.brownout (
    contract    text PRIMARY KEY,
    change      text NOT NULL,
    until       timestamptz NOT NULL
);
COMMENT ON TABLE oriel.brownout IS 'Contracts whose grant is revoked for a while. Written in the transaction that revokes, so that whoever comes after a killed '
    '`oriel change brownout` (the worker, or any `oriel change`) knows what to give back, and when.';

CREATE TABLE oriel.entity (
    name          text PRIMARY KEY,
    data_version  bigint NOT NULL DEFAULT 0,
    changed_at    timestamptz,
    next_id       bigint NOT NULL DEFAULT 1
);
COMMENT ON TABLE oriel.entity IS 'Per entity: its data version, counted up by each batch that changed a row, and the next surrogate id. '
    'Ids come from here and not from a sequence, because a sequence does not roll back: after a crash the same input gets the same ids.';

CREATE TABLE oriel.source (
    name          text PRIMARY KEY,
    client        text NOT NULL,
    state         text NOT NULL DEFAULT 'ready' CHECK (state IN ('ready', 'waiting', 'stopped')),
    message       text,
    looked_at     timestamptz,
    batch_at      timestamptz,
    batches       bigint NOT NULL DEFAULT 0,
    records       bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE oriel.source IS 'Per source: state (waiting: a failure is tried again; stopped: a person is needed), and what it has delivered.';

CREATE TABLE oriel.delivery (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source       text NOT NULL REFERENCES oriel.source,
    name         text NOT NULL,
    sha256       text NOT NULL,
    size         bigint NOT NULL,
    next_offset  bigint NOT NULL DEFAULT 0,
    records      bigint NOT NULL DEFAULT 0,
    started_at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
    finished_at  timestamptz,
    UNIQUE (source, sha256, size)
);
COMMENT ON TABLE oriel.delivery IS 'Files of a source by content: how far each is loaded (the byte at which the next batch begins) and when it was finished.';

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
    records      bytea[] COMPRESSION lz4 NOT NULL
);
CREATE INDEX batch_delivery ON raw.batch (delivery);
COMMENT ON TABLE raw.batch IS 'Input as it came, byte for byte: element n of records is record n of the batch. Bytes, not text, because a text '
    'cannot hold what does not decode, and a source whose encoding was declared wrongly must be replayable once that is mended.';
COMMENT ON COLUMN raw.batch.first_record IS 'Number of the batch''s first record within its delivery, counted from 1.';
COMMENT ON COLUMN raw.batch."offset" IS 'Byte of the delivery at which the first record begins.';
COMMENT ON COLUMN raw.batch.format IS 'How to read the records again: format, dialect, encoding, as in the source file.';
COMMENT ON COLUMN raw.batch.header IS 'The header record of a CSV or TSV delivery, as it came.';
COMMENT ON COLUMN raw.batch.entities IS 'Entity files that cleaned the batch, each with the SHA-256 of its text.';

CREATE TABLE raw.batch_entity (
    batch       bigint NOT NULL REFERENCES raw.batch,
    entity      text NOT NULL,
    inserted    integer NOT NULL DEFAULT 0,
    updated     integer NOT NULL DEFAULT 0,
    unchanged   integer NOT NULL DEFAULT 0,
    rejected    integer NOT NULL DEFAULT 0,
    parked      integer NOT NULL DEFAULT 0,
    PRIMARY KEY (batch, entity)
);
COMMENT ON TABLE raw.batch_entity IS 'What became of each record of a batch, per entity file. The five counts always add up to raw.batch.n_records; '
    'a parked record moves to another count of its own batch when it is taken up.';

CREATE TABLE raw.reject (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    batch     bigint NOT NULL REFERENCES raw.batch,
    line      integer NOT NULL,
    entity    text NOT NULL,
    field     text,
    rule      text NOT NULL,
    value     text,
    reason    text NOT NULL CHECK (reason IN ('missing', 'malformed', 'out_of_range', 'too_long', 'pattern', 'not_in_enum',
                  'bad_encoding', 'bad_unit', 'unresolved_reference', 'duplicate_in_batch', 'stale', 'constraint')),
    action    text NOT NULL CHECK (action IN ('reject', 'null', 'default')),
    message   text
);
CREATE INDEX reject_batch_line ON raw.reject (batch, line);
COMMENT ON TABLE raw.reject IS 'Every reason why a record (action reject) or one of its values (null, default) was not taken. '
    'line is the number of the record in its batch; entity is the entity file.';

CREATE TABLE raw.parked (
    batch      bigint NOT NULL REFERENCES raw.batch,
    line       integer NOT NULL,
    entity     text NOT NULL,
    field      text NOT NULL,
    client     text NOT NULL,
    target     text NOT NULL,
    key        text NOT NULL,
    parked_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (batch, line, entity, field)
);
CREATE INDEX parked_target ON raw.parked (target, client, key);
COMMENT ON TABLE raw.parked IS 'Records that refer to one which has not come yet: what each waits for. Taken up, from raw, in the batch that brings it.';
COMMENT ON COLUMN raw.parked.client IS 'Whose record it waits for; empty where the target''s key does not hold the client.';

CREATE FUNCTION raw.as_text(record bytea, encoding text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN pg_catalog.convert_from(record, encoding);
EXCEPTION WHEN OTHERS THEN
    RETURN pg_catalog.encode(record, 'escape');
END
$$;
COMMENT ON FUNCTION raw.as_text IS 'A record for people: decoded where it decodes, with octal escapes where it does not.';

CREATE VIEW raw.record AS
SELECT b.id AS batch, r.line::integer AS line, b.source, b.client, b.received_at, d.name AS delivery,
       b.first_record + r.line - 1 AS record,
       raw.as_text(r.bytes, COALESCE(b.format ->> 'encoding', 'UTF8')) AS text, r.bytes
FROM raw.batch b
LEFT JOIN oriel.delivery d ON d.id = b.delivery
CROSS JOIN LATERAL pg_catalog.unnest(b.records) WITH ORDINALITY AS r (bytes, line);
COMMENT ON VIEW raw.record IS 'raw.batch unfolded: one row per record, numbered within its batch (line) and its delivery (record).';
