-- Save how far a consumer has come, if it still holds its slots; false if it does not.
--   $1 text        consumer
--   $2 smallint[]  slots
--   $3 bigint[]    token of each slot
--   $4 smallint[]  partitions
--   $5 bigint[]    position handled in each
--   $6 text        synchronous_commit of this transaction; null: as it is
--
-- The share lock makes a take-over wait for this commit; after it the token is stale.
WITH held AS MATERIALIZED (
    SELECT l.slot FROM eventlog.leases AS l
    JOIN unnest($2::smallint[], $3::bigint[]) AS mine (slot, token)
        ON l.slot = mine.slot AND l.token = mine.token
    WHERE l.consumer = $1
    FOR SHARE OF l
),
holding AS (
    SELECT count(*) = cardinality($2) AS all_slots FROM held
),
saved AS (
    INSERT INTO eventlog.checkpoints AS c (consumer, partition, position)
    SELECT $1, mine.partition, mine.position
    FROM unnest($4::smallint[], $5::bigint[]) AS mine (partition, position), holding
    WHERE holding.all_slots
    ORDER BY mine.partition
    ON CONFLICT (consumer, partition) DO UPDATE SET position = excluded.position
)
SELECT all_slots
FROM holding
CROSS JOIN set_config('synchronous_commit', coalesce($6, current_setting('synchronous_commit')), true)
