DROP VIEW api.v_products_v2;
ALTER TABLE dp.product DROP COLUMN price_cents, DROP COLUMN currency;
COMMENT ON VIEW api.v_products_v1 IS
    E'Products on offer.\n@primaryKey id\n@unique client, external_id\n@foreignKey (vendor_id) references v_vendors_v1 (id)|@name vendor';
