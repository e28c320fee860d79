-- Go on with the live model's count of changes, so that nobody who follows it misses or repeats one.
--   $1 uuid[]  orders that stand otherwise than in the live model
--
-- An order that stands as it does in the live model keeps its number there. One that does not
-- gets the next of its partition. Rows that need a look have no number yet (below 0), or one
-- that counts from the rebuild's own start.
WITH partitions AS (
    SELECT array_agg(partition) AS every FROM rebuilt.heads
),
moved AS (
    SELECT stream_id, partition, version, change FROM rebuilt.orders, partitions
    WHERE partition = ANY (every) AND change < 0
    UNION
    SELECT stream_id, partition, version, change FROM rebuilt.orders, partitions
    WHERE partition = ANY (every) AND change > 1::bigint << 40
    UNION
    SELECT stream_id, partition, version, change FROM rebuilt.orders WHERE stream_id = ANY ($1)
),
judged AS (
    SELECT m.stream_id, m.partition, m.change,
           CASE WHEN l.version = m.version AND m.stream_id <> ALL ($1) THEN l.change END AS kept
    FROM moved AS m LEFT JOIN read.orders AS l USING (stream_id)
),
news AS (
    SELECT j.stream_id, j.partition,
           row_number() OVER (PARTITION BY j.partition ORDER BY j.change, j.stream_id) AS nth,
           count(*) OVER (PARTITION BY j.partition) AS many
    FROM judged AS j WHERE j.kept IS NULL
),
counted AS (
    INSERT INTO read.heads AS h (partition, head)
    SELECT n.partition, max(n.many) FROM news AS n GROUP BY n.partition
    ON CONFLICT (partition) DO UPDATE SET head = h.head + excluded.head
    RETURNING h.partition, h.head
)
UPDATE rebuilt.orders AS o SET change = coalesce(j.kept, c.head - n.many + n.nth)
FROM judged AS j
LEFT JOIN news AS n USING (stream_id)
LEFT JOIN counted AS c ON c.partition = n.partition
WHERE o.stream_id = j.stream_id
