-- Wish that orders are read again; of two wishes for an order the earlier one stands.
--   $1 text[]         accounts
--   $2 text[]         order ids
--   $3 timestamptz[]  when
--   $4 text[]         why
--
-- The rows are taken in order, so that two batches of wishes never wait for each other.
INSERT INTO ingest.rereads AS known (account, order_id, due_at, reason)
SELECT DISTINCT ON (wish.account, wish.order_id) wish.account, wish.order_id, wish.due_at, wish.reason
FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[]) AS wish (account, order_id, due_at, reason)
ORDER BY wish.account, wish.order_id, wish.due_at
ON CONFLICT (account, order_id) DO UPDATE
SET due_at = EXCLUDED.due_at, reason = EXCLUDED.reason
WHERE known.due_at IS NULL OR EXCLUDED.due_at < known.due_at
