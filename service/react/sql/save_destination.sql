-- Save what is known of an account's OMS.
--   $1 text         account
--   $2 text         breaker
--   $3 timestamptz  paused until
--   $4 text         why
--   $5 timestamptz  start of the current half of the window
--   $6 int          requests in it
--   $7 int          failures in it
--   $8 int          requests in the half before
--   $9 int          failures in the half before
UPDATE react.destinations
SET breaker = $2, paused_until = $3, why = $4, window_started_at = $5,
    requests = $6, failures = $7, earlier_requests = $8, earlier_failures = $9
WHERE account = $1
