-- Keep the customer data of one order, unless it was erased.
--   $1 text         account
--   $2 text         order id
--   $3 text         id of the master key
--   $4 bytea        the order's key, wrapped by it
--   $5 bytea        ciphertext
--   $6 timestamptz  now
INSERT INTO private.customer_data AS kept (
    account, order_id, master_key, wrapped_key, ciphertext, stored_at
)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (account, order_id) DO UPDATE
SET master_key = EXCLUDED.master_key, wrapped_key = EXCLUDED.wrapped_key,
    ciphertext = EXCLUDED.ciphertext, stored_at = EXCLUDED.stored_at
WHERE kept.erased_at IS NULL
