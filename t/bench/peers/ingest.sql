-- What a user writes instead of Oriel's worker, in its best form: a delivery goes as jsonb into a raw table of its own, and
-- from there by one statement into the table. Rows that say the same are not written (WHERE … IS DISTINCT FROM).
--   psql -v delivery=NAME -v ON_ERROR_STOP=1 -f ingest.sql <FILE
SET jit = off;
BEGIN;
CREATE TABLE script.incoming (doc jsonb NOT NULL); -- \copy takes no variables: it gets its name at the end
-- the delimiter and the quote are bytes that JSON cannot hold, so that a line is a value
\copy script.incoming (doc) FROM pstdin (FORMAT csv, DELIMITER e'\x02', QUOTE e'\x01')
INSERT INTO script.product AS p (client, external_id, name, category, vendor, price, made_on, in_stock, updated_at)
SELECT 'acme', btrim(doc ->> 'id'), btrim(doc ->> 'name'), lower(btrim(doc ->> 'category')), btrim(doc -> 'vendor' ->> 'name'),
       replace(replace(nullif(doc ->> 'price', '-'), ' ', ''), ',', '.')::numeric, to_date(doc ->> 'produced', 'DD/MM/YYYY'),
       doc ->> 'stock' = 'yes', (doc ->> 'modified')::timestamptz
FROM script.incoming
ON CONFLICT (client, external_id) DO UPDATE
SET name = EXCLUDED.name, category = EXCLUDED.category, vendor = EXCLUDED.vendor, price = EXCLUDED.price,
    made_on = EXCLUDED.made_on, in_stock = EXCLUDED.in_stock, updated_at = EXCLUDED.updated_at
WHERE (p.name, p.category, p.vendor, p.price, p.made_on, p.in_stock, p.updated_at)
      IS DISTINCT FROM (EXCLUDED.name, EXCLUDED.category, EXCLUDED.vendor, EXCLUDED.price, EXCLUDED.made_on, EXCLUDED.in_stock,
                        EXCLUDED.updated_at);
ALTER TABLE script.incoming RENAME TO :delivery;
COMMIT;
