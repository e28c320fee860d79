-- What is known of accounts' OMS, locked until the transaction ends.
--   $1 text[]  accounts
SELECT account, breaker, paused_until, why, window_started_at, requests, failures, earlier_requests, earlier_failures
FROM react.destinations WHERE account = ANY ($1) ORDER BY account FOR UPDATE
