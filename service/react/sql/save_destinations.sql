-- Save what is known of accounts' OMS.
--   $1 text[]         accounts
--   $2 text[]         breakers
--   $3 timestamptz[]  paused until
--   $4 text[]         why
--   $5 timestamptz[]  start of the current half of the window
--   $6 int[]          requests in it
--   $7 int[]          failures in it
--   $8 int[]          requests in the half before
--   $9 int[]          failures in the half before
UPDATE react.destinations AS destination
SET breaker = found.breaker, paused_until = found.paused_until, why = found.why,
    window_started_at = found.window_started_at, requests = found.requests, failures = found.failures,
    earlier_requests = found.earlier_requests, earlier_failures = found.earlier_failures
FROM unnest(
    $1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::timestamptz[], $6::int[], $7::int[], $8::int[], $9::int[]
) AS found (
    account, breaker, paused_until, why, window_started_at, requests, failures, earlier_requests, earlier_failures
)
WHERE destination.account = found.account
