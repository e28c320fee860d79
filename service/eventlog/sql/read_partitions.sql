-- The next events of some partitions, in order, at most $3 of each.
--   $1 smallint[]  partitions
--   $2 bigint[]    position last handled in each
--   $3 integer     events per partition
--
-- Positions are handed out under the partition's head row, so they become visible
-- in order and without holes: a reader may go on from the last one it saw. The head
-- tells at once where there is nothing; else it is looked for in every month's table.
SELECT e.partition, e.position, e.stream_id, e.version, e.type, e.schema_version,
       e.data, e.metadata, e.occurred_at, e.recorded_at, s.account, s.order_id
FROM unnest($1::smallint[], $2::bigint[]) AS cursor (partition, position)
JOIN eventlog.partitions AS p ON p.partition = cursor.partition AND p.head > cursor.position
CROSS JOIN LATERAL (
    SELECT * FROM eventlog.events AS candidate
    WHERE candidate.partition = cursor.partition AND candidate.position > cursor.position
    ORDER BY candidate.position LIMIT $3
) AS e
JOIN eventlog.streams AS s ON s.stream_id = e.stream_id
ORDER BY e.partition, e.position
