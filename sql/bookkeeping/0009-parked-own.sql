-- Which row a parked record would become, so that a later record that only confirms what stands there is known to be newer.
ALTER TABLE raw.parked ADD COLUMN own text COLLATE "C";
CREATE INDEX parked_own ON raw.parked (own);
COMMENT ON COLUMN raw.parked.own IS 'The entity and the natural key of the record that waits, as they came. Null: it was parked before this version.';
-- A replay that was interrupted by the upgrade goes on.
ALTER TABLE IF EXISTS replay.parked ADD COLUMN own text COLLATE "C";
