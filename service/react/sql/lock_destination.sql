-- What is known of an account's OMS, locked until the transaction ends.
--   $1 text  account
SELECT breaker, paused_until, why, window_started_at, requests, failures, earlier_requests, earlier_failures
FROM react.destinations WHERE account = $1 FOR UPDATE
