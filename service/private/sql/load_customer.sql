-- What is kept of one order's customer, or that it was erased.
--   $1 text  account
--   $2 text  order id
SELECT account, order_id, master_key, wrapped_key, ciphertext, erased_at
FROM private.customer_data
WHERE account = $1 AND order_id = $2
