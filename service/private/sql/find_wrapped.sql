-- The next orders whose keys other master keys wrap, locked until they are rewrapped.
--   $1 text[]   ids of these master keys
--   $2 text     account and ...
--   $3 text     ... order id of the last one seen
--   $4 integer  how many
SELECT account, order_id, master_key, wrapped_key
FROM private.customer_data
WHERE master_key = ANY ($1::text[]) AND (account, order_id) > ($2, $3)
ORDER BY account, order_id
LIMIT $4
FOR UPDATE
