-- Oriel's bookkeeping, version 7: fields that no entity file asks for, and fields that are asked for and missing.
CREATE TABLE oriel.source_field (
    source          text NOT NULL REFERENCES oriel.source,
    place           text NOT NULL,
    asked           boolean NOT NULL,
    records         bigint NOT NULL,
    since           timestamptz NOT NULL DEFAULT pg_catalog.now(),
    first_delivery  bigint NOT NULL,
    last_delivery   bigint NOT NULL,
    last_records    bigint NOT NULL,
    PRIMARY KEY (source, place, asked)
);
COMMENT ON TABLE oriel.source_field IS 'Per source: fields that none of its entity files asks for (they are kept in raw only), and fields that are asked for, of '
    'records that lack them. Written in the transaction of each batch.';
COMMENT ON COLUMN oriel.source_field.place IS 'As an entity file would name it in "from". Empty: unknown fields beyond those that are told apart, whose occurrences are '
    'counted together.';
COMMENT ON COLUMN oriel.source_field.asked IS 'False: unknown, and records counts those that have it. True: records counts those that lack it.';
COMMENT ON COLUMN oriel.source_field.last_records IS 'Of records, those in last_delivery, the last one in which there were any.';
