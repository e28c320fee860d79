-- How many events of the log a projection has not handled yet.
--   $1 text  consumer
SELECT coalesce(sum(p.head - coalesce(c.position, 0)), 0)::bigint AS behind
FROM eventlog.partitions AS p
LEFT JOIN eventlog.checkpoints AS c ON c.consumer = $1 AND c.partition = p.partition
