-- Delete key and data of one order's customer, and leave that none is taken again.
--   $1 text         account
--   $2 text         order id
--   $3 timestamptz  now
INSERT INTO private.customer_data AS kept (account, order_id, erased_at)
VALUES ($1, $2, $3)
ON CONFLICT (account, order_id) DO UPDATE
SET master_key = NULL, wrapped_key = NULL, ciphertext = NULL, stored_at = NULL,
    erased_at = EXCLUDED.erased_at
WHERE kept.erased_at IS NULL
