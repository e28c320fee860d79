-- What is set aside, the longest aside first.
--   $1 text  consumer, or null
--   $2 text  account, or null
--   $3 text  order id, or null
SELECT p.consumer, p.stream_id, s.account, s.order_id, p.partition, p.version, p.reason, p.attempts,
       p.parked_at, p.request, greatest(s.version - p.version, 0) AS behind
FROM eventlog.parked_streams AS p JOIN eventlog.streams AS s USING (stream_id)
WHERE p.consumer = coalesce($1, p.consumer)
  AND s.account = coalesce($2, s.account) AND s.order_id = coalesce($3, s.order_id)
ORDER BY p.parked_at, p.consumer, p.stream_id
