-- Why a month cannot leave yet, beside orders that are open; a line each.
--   $1 date        first of the month
--   $2 smallint[]  partitions
--   $3 bigint[]    last position of the month's events in each
WITH lasts AS (
    SELECT * FROM unnest($2::smallint[], $3::bigint[]) AS l (partition, last)
),
consumers AS (
    SELECT DISTINCT consumer FROM eventlog.checkpoints
)
SELECT format('%s has not handled position %s of partition %s', c.consumer, l.last, l.partition) AS line
FROM consumers AS c CROSS JOIN lasts AS l
LEFT JOIN eventlog.checkpoints AS reached USING (consumer, partition)
WHERE coalesce(reached.position, 0) < l.last
UNION ALL
SELECT format('%s has set %s/%s aside', p.consumer, s.account, s.order_id)
FROM eventlog.parked_streams AS p JOIN eventlog.streams AS s USING (stream_id)
WHERE p.stream_id >= eventlog.start_of($1) AND p.stream_id < eventlog.end_of($1)
UNION ALL
SELECT format('%s/%s has calls to make', s.account, s.order_id)
FROM react.lanes AS q JOIN eventlog.streams AS s USING (stream_id)
WHERE q.stream_id >= eventlog.start_of($1) AND q.stream_id < eventlog.end_of($1)
ORDER BY 1 LIMIT 10
