-- Oriel's bookkeeping, version 4: deliveries that contain everything, so that what is missing from one is gone.
ALTER TABLE oriel.delivery
    ADD COLUMN complete     boolean NOT NULL DEFAULT false,
    ADD COLUMN gone         text CHECK (gone IN ('marked', 'waiting', 'released', 'refused', 'superseded')),
    ADD COLUMN gone_rows    bigint,
    ADD COLUMN gone_message text,
    ADD COLUMN gone_stored  bigint;
COMMENT ON COLUMN oriel.delivery.complete IS 'It contains everything that its source has.';
COMMENT ON COLUMN oriel.delivery.gone IS 'What became of the rows that are missing from it: marked gone at its end; or waiting for a person, who released or '
    'refused it, unless a newer one superseded it.';
COMMENT ON COLUMN oriel.delivery.gone_stored IS 'When they were marked, in the order of raw.batch.stored; so a replay marks them at the same place.';

CREATE TABLE raw.seen (
    delivery  bigint NOT NULL,
    entity    text NOT NULL,
    key       text
);
COMMENT ON TABLE raw.seen IS 'Keys that a complete delivery has named so far, per entity, rejected records included; null: a record whose key could not be read. '
    'Gone when it is decided what is missing.';
