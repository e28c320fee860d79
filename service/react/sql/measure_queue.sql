-- How each account does: calls that wait, since when, in flight, and its breaker.
SELECT destination.account, destination.breaker, destination.paused_until,
       count(call.call_id) AS waiting, min(call.created_at) AS oldest,
       count(*) FILTER (WHERE call.state = 'sending') AS in_flight
FROM react.destinations AS destination
LEFT JOIN react.lanes AS lane USING (account)
LEFT JOIN react.calls AS call
    ON call.stream_id = lane.stream_id AND call.state IN ('pending', 'sending', 'unknown')
GROUP BY destination.account, destination.breaker, destination.paused_until
