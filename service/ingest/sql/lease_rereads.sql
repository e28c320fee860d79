-- Take up orders that are being read by now, whoever else wished for them or read them before.
--   $1 text[]       accounts
--   $2 text[]       order ids
--   $3 timestamptz  end of the lease
INSERT INTO ingest.rereads AS known (account, order_id, reason, leased_until, lease_token)
SELECT slow.account, slow.order_id, 'slow', $3, nextval('ingest.lease_tokens')
FROM unnest($1::text[], $2::text[]) AS slow (account, order_id)
ON CONFLICT (account, order_id) DO UPDATE
SET leased_until = EXCLUDED.leased_until, lease_token = EXCLUDED.lease_token
RETURNING known.account, known.order_id, known.reason, known.attempts, known.lease_token
