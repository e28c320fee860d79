-- A page of the orders that are stuck, the order first seen last coming first.
--   $1 text     account, or null
--   $2 text     reason, or null
--   $3 uuid     stream id of the last order of the page before, or null
--   $4 integer  orders
SELECT s.stream_id, s.account, s.order_id, s.reason, s.status, s.since,
       extract(epoch FROM s.expected)::bigint AS expected_seconds, s.other_order_id, s.other_status
FROM read.stuck AS s
WHERE ($1::text IS NULL OR s.account = $1)
    AND ($2::text IS NULL OR s.reason = $2)
    AND ($3::uuid IS NULL OR s.stream_id < $3)
ORDER BY s.stream_id DESC
LIMIT $4
