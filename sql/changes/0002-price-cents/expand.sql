-- A price becomes a whole number of cents with its currency beside it, in a second version of the contract. The first one
-- stays until nobody reads it.
--
-- Until contract, price is what counts and version 2 is computed from it: a worker of the release before knows only price,
-- may go on at any time before all are replaced, and would leave a price_cents behind that is out of date. The currency
-- has a default for the same reason: that worker goes on writing rows, and all its prices are in euro.

ALTER TABLE dp.product
    ADD COLUMN price_cents bigint,
    ADD COLUMN currency text DEFAULT 'EUR',
    ADD CONSTRAINT product_currency CHECK (currency ~ '^[A-Z]{3}$') NOT VALID;

CREATE VIEW api.v_products_v2 AS
SELECT p.id, p.client, p.external_id, p.vendor_id, p.name, p.category, (p.price * 100)::bigint AS price_cents,
       coalesce(p.currency, 'EUR') AS currency, p.in_stock, p.tags, p.updated_at
FROM dp.product p
WHERE p.gone_at IS NULL;
COMMENT ON VIEW api.v_products_v2 IS
    E'Products on offer, priced in cents of a named currency.\n@primaryKey id\n@unique client, external_id\n@foreignKey (vendor_id) references v_vendors_v1 (id)|@name vendor';
COMMENT ON COLUMN api.v_products_v2.id IS E'Oriel''s own number for the product; it stays.\n@notNull';
COMMENT ON COLUMN api.v_products_v2.client IS E'The client whose product it is.\n@notNull';
COMMENT ON COLUMN api.v_products_v2.external_id IS E'The client''s own identifier.\n@notNull';
COMMENT ON COLUMN api.v_products_v2.vendor_id IS 'The vendor; null when the client names none.';
COMMENT ON COLUMN api.v_products_v2.name IS E'As the client spells it, trimmed.\n@notNull';
COMMENT ON COLUMN api.v_products_v2.category IS 'The client''s own category.';
COMMENT ON COLUMN api.v_products_v2.price_cents IS 'Price of one, in hundredths of the currency; null when the client names none.';
COMMENT ON COLUMN api.v_products_v2.currency IS E'Currency of the price, as ISO 4217 writes it.\n@notNull';
COMMENT ON COLUMN api.v_products_v2.in_stock IS 'Whether it can be had now; null when unknown.';
COMMENT ON COLUMN api.v_products_v2.tags IS 'A list of words.';
COMMENT ON COLUMN api.v_products_v2.updated_at IS 'When the client last changed the record.';
GRANT SELECT ON api.v_products_v2 TO oriel_ds;

COMMENT ON VIEW api.v_products_v1 IS
    E'Products on offer.\n@primaryKey id\n@unique client, external_id\n@foreignKey (vendor_id) references v_vendors_v1 (id)|@name vendor\n@deprecated\n@sunset 2099-01-01\n@successor v_products_v2';
