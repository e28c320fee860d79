-- All calls of an order, in order; when its oldest open one is due.
--   $1 text  account
--   $2 text  order id
SELECT call.call_id, call.kind, call.cause_version, call.state, call.request, call.attempts, call.created_at,
       call.deadline, call.settled_at, call.outcome ->> 'reason' AS reason,
       CASE WHEN call.call_id = oldest.call_id THEN lane.next_at END AS next_at
FROM react.calls AS call
LEFT JOIN react.lanes AS lane USING (stream_id)
LEFT JOIN LATERAL (
    SELECT open.call_id FROM react.calls AS open
    WHERE open.stream_id = lane.stream_id AND open.state IN ('pending', 'sending', 'unknown')
    ORDER BY open.cause_version, open.kind LIMIT 1
) AS oldest ON true
WHERE call.account = $1 AND call.order_id = $2
ORDER BY call.cause_version, call.kind
