-- The keys of the streams of a range, and what the live read model has of each.
--   $1 uuid  first stream
--   $2 uuid  last stream
SELECT s.stream_id, s.account, s.order_id, o.version, o.change
FROM eventlog.streams AS s LEFT JOIN read.orders AS o USING (stream_id)
WHERE s.stream_id BETWEEN $1 AND $2
