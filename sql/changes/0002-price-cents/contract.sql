-- Version 1 goes, and price with it; version 2 reads price_cents, which is proven to hold the same.
DROP VIEW api.v_products_v1;
CREATE OR REPLACE VIEW api.v_products_v2 AS
SELECT p.id, p.client, p.external_id, p.vendor_id, p.name, p.category, p.price_cents,
       coalesce(p.currency, 'EUR') AS currency, p.in_stock, p.tags, p.updated_at
FROM dp.product p
WHERE p.gone_at IS NULL;
ALTER TABLE dp.product DROP COLUMN price;
-- What a batch refers to is the product's second version from here on.
COMMENT ON VIEW api.v_batches_v1 IS
    E'Batches: the lots or packages that a product comes in.\n@primaryKey id\n@unique client, external_id\n@foreignKey (product_id) references v_products_v2 (id)|@name product';
