-- What operators ask for of streams that a consumer has set aside, the longest aside first.
--   $1 text        consumer
--   $2 smallint[]  partitions
--   $3 integer     how many at most
SELECT p.stream_id, p.partition, p.version, p.request, s.account, s.order_id
FROM eventlog.parked_streams AS p JOIN eventlog.streams AS s USING (stream_id)
WHERE p.consumer = $1 AND p.partition = ANY ($2) AND p.request IS NOT NULL
ORDER BY p.parked_at, p.stream_id LIMIT $3
