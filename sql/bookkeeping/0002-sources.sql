-- Sources that are asked, not watched: where the next pull begins, when the last one was, and who wants one now.
ALTER TABLE oriel.source
    ADD COLUMN position  text,
    ADD COLUMN pulled_at timestamptz,
    ADD COLUMN asked     bigint NOT NULL DEFAULT 0,
    ADD COLUMN answered  bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN oriel.source.position IS 'Where the next pull begins, as JSON text; written in the transaction of the data before it.';
COMMENT ON COLUMN oriel.source.pulled_at IS 'When everything that the source had was taken, by the clock of this database.';
COMMENT ON COLUMN oriel.source.asked IS 'How often `oriel pull` asked for a pull; answered is the last of these that one was made for.';

-- A pull is known by its position, not by its content: the same content may come again, and mean something.
ALTER TABLE oriel.delivery
    ALTER COLUMN sha256 DROP NOT NULL,
    ALTER COLUMN size DROP NOT NULL;
COMMENT ON TABLE oriel.delivery IS 'Files of a source by content, and pulls, which have no sha256 and no size: how far each is loaded (of a file the byte '
    'at which the next batch begins, of a pull the number of records) and when it was finished.';
