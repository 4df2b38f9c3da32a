-- Each query must return no row.
SELECT id, price, price_cents FROM dp.product WHERE price_cents IS DISTINCT FROM (price * 100)::bigint ORDER BY id;
ALTER TABLE dp.product VALIDATE CONSTRAINT product_currency;
