-- Move a consumer of the events topic on; returns how many partitions were where it left them.
--   $1 text        consumer
--   $2 text        topic
--   $3 smallint[]  partitions
--   $4 bigint[]    position from which each moves
--   $5 bigint[]    position that it reaches
--   $6 bigint[]    offset that it reads on at
WITH given AS (
    SELECT * FROM unnest($3::smallint[], $4::bigint[], $5::bigint[], $6::bigint[])
        AS g (partition, before, reached, next_offset)
),
moved AS (
    INSERT INTO eventlog.checkpoints AS c (consumer, partition, position)
    SELECT $1, g.partition, g.reached FROM given AS g ORDER BY g.partition
    ON CONFLICT (consumer, partition) DO UPDATE SET position = excluded.position
        WHERE c.position = (SELECT g.before FROM given AS g WHERE g.partition = c.partition)
    RETURNING partition
),
noted AS (
    INSERT INTO publish.offsets AS o (consumer, partition, topic, next_offset)
    SELECT $1, g.partition, $2, g.next_offset FROM given AS g JOIN moved USING (partition)
    ORDER BY g.partition
    ON CONFLICT (consumer, partition) DO UPDATE SET
        topic = excluded.topic, next_offset = excluded.next_offset
)
SELECT count(*) FROM moved
