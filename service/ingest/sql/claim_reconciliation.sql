-- Take over comparing an account when it is time and nobody else is at it.
--   $1 text         account
--   $2 timestamptz  now
--   $3 timestamptz  end of the lease
INSERT INTO ingest.reconciliations AS known (account, next_at, lease_token, leased_until)
VALUES ($1, $2, nextval('ingest.lease_tokens'), $3)
ON CONFLICT (account) DO UPDATE
SET lease_token = EXCLUDED.lease_token, leased_until = EXCLUDED.leased_until
WHERE known.next_at <= $2 AND (known.leased_until IS NULL OR known.leased_until <= $2)
RETURNING known.lease_token, known.done_until, known.finished_until
