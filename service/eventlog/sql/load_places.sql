-- How far a consumer of the events topic has come, and where it reads on there.
--   $1 text        consumer
--   $2 text        topic
--   $3 smallint[]  partitions
--
-- The offset is null where the consumer has read nothing of this topic yet.
SELECT asked.partition, coalesce(c.position, 0) AS position, o.next_offset
FROM unnest($3::smallint[]) AS asked (partition)
LEFT JOIN eventlog.checkpoints AS c ON c.consumer = $1 AND c.partition = asked.partition
LEFT JOIN publish.offsets AS o
    ON o.consumer = $1 AND o.partition = asked.partition AND o.topic = $2
