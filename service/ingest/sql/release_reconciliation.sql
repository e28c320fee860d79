-- Give the comparison up: at its end, or to go on later from where it stands.
--   $1 text         account
--   $2 bigint       token of the lease
--   $3 timestamptz  when the next one may begin
--   $4 timestamptz  created before this: compared to the end; null if it broke off
UPDATE ingest.reconciliations
SET next_at = $3,
    done_until = CASE WHEN $4::timestamptz IS NULL THEN done_until END,
    finished_until = coalesce($4, finished_until),
    lease_token = NULL, leased_until = NULL
WHERE account = $1 AND lease_token = $2
