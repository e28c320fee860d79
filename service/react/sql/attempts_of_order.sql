-- All attempts at an order's calls, oldest first.
--   $1 text  account
--   $2 text  order id
SELECT attempt.call_id, attempt.result, attempt.started_at, attempt.ended_at, attempt.http_status,
       attempt.error, attempt.response, attempt.retry_after, attempt.trace_id
FROM react.calls AS call JOIN react.attempts AS attempt USING (call_id)
WHERE call.account = $1 AND call.order_id = $2
ORDER BY attempt.lease_token
