-- The position that a consumer handled last in each partition, 0 where none was.
--   $1 text        consumer
--   $2 smallint[]  partitions
SELECT asked.partition, coalesce(c.position, 0) AS position
FROM unnest($2::smallint[]) AS asked (partition)
LEFT JOIN eventlog.checkpoints AS c ON c.consumer = $1 AND c.partition = asked.partition
