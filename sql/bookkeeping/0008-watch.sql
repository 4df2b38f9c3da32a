-- Oriel's bookkeeping, version 8: what the worker knows of the tables that it keeps, and how it learns that this is out of date.

CREATE TABLE oriel.foreign_write (
    relation  oid NOT NULL,
    xid       xid8 NOT NULL DEFAULT pg_catalog.pg_current_xact_id(),
    PRIMARY KEY (relation, xid)
);
COMMENT ON TABLE oriel.foreign_write IS 'Transactions that wrote into a table of an entity and were not the worker''s own: fills, replays, people. The worker takes '
    'them away in its next batch, and forgets what it knew of its tables. A row each, not a number to be counted up: nobody waits for anybody.';

-- Fired by the trigger oriel_watch, which the worker makes on the tables of its entities.
CREATE FUNCTION oriel.note_foreign_write() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    INSERT INTO oriel.foreign_write (relation) VALUES (TG_RELID) ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION oriel.note_foreign_write IS 'Notes that somebody else than the worker has written.';
