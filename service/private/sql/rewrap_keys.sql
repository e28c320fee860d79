-- Keep the keys of these orders as the current master key wraps them.
--   $1 text[]   accounts
--   $2 text[]   order ids
--   $3 bytea[]  wrapped keys
--   $4 text     id of the current master key
UPDATE private.customer_data AS kept
SET master_key = $4, wrapped_key = given.wrapped_key
FROM unnest($1::text[], $2::text[], $3::bytea[]) AS given (account, order_id, wrapped_key)
WHERE kept.account = given.account AND kept.order_id = given.order_id
