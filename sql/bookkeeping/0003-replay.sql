-- Oriel's bookkeeping, version 3: replay, which cleans what is kept anew.

-- The order in which batches were stored. Ids are given when a batch begins to be read, so those of several sources may
-- overtake each other; what is to give the same rows with the same ids must go in this order. Gaps mean nothing.
CREATE SEQUENCE raw.stored;
ALTER TABLE raw.batch ADD COLUMN stored bigint;
UPDATE raw.batch SET stored = id;
SELECT pg_catalog.setval('raw.stored', COALESCE(pg_catalog.max(id), 0) + 1, false) FROM raw.batch;
ALTER TABLE raw.batch
    ALTER COLUMN stored SET DEFAULT pg_catalog.nextval('raw.stored'),
    ALTER COLUMN stored SET NOT NULL;
CREATE INDEX batch_stored ON raw.batch (stored);
COMMENT ON COLUMN raw.batch.stored IS 'Rises with each batch in the order of their commits; what a replay goes by.';

COMMENT ON SCHEMA replay IS 'While a replay is at work: what the tables and the ledger would be if all of raw were cleaned with today''s entity files. '
    'Else empty. Nothing of it is anybody''s business but `oriel replay`''s.';

CREATE TABLE oriel.replay (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    plan        text NOT NULL,
    entities    text[] NOT NULL,
    stored      bigint NOT NULL DEFAULT 0,
    batches     bigint NOT NULL DEFAULT 0,
    records     bigint NOT NULL DEFAULT 0,
    started_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
    updated_at  timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE oriel.replay IS 'The replay that is at work or was interrupted: batches up to stored are cleaned into schema replay. Written in the '
    'transaction of each batch. plan is a hash of what was to be done; a replay with another plan begins anew.';
