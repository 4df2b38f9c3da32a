-- key: dp.product.id
UPDATE dp.product SET price_cents = (price * 100)::bigint
WHERE id BETWEEN :lo AND :hi AND price_cents IS DISTINCT FROM (price * 100)::bigint;
