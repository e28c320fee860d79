-- Note how far the comparison has come, and go on holding the lease.
--   $1 text         account
--   $2 bigint       token of the lease
--   $3 timestamptz  created before this: compared
--   $4 timestamptz  end of the lease
UPDATE ingest.reconciliations SET done_until = $3, leased_until = $4
WHERE account = $1 AND lease_token = $2
RETURNING true
