-- Give an order back, to be read again at a time, or earlier where somebody wishes so.
--   $1 text         account
--   $2 text         order id
--   $3 bigint       token of the lease
--   $4 timestamptz  when, or null: only as others wish
--   $5 text         why, or null
--   $6 int          readings in a row that failed
UPDATE ingest.rereads
SET reason = CASE WHEN $4 < due_at OR due_at IS NULL THEN coalesce($5, reason) ELSE reason END,
    due_at = least(due_at, $4),
    attempts = $6, lease_token = NULL, leased_until = NULL
WHERE account = $1 AND order_id = $2 AND lease_token = $3
