-- The orders that changed after a cursor, in the order of their changes.
--   $1 smallint[]  partitions
--   $2 bigint[]    change seen last in each
--   $3 integer     orders per partition
--
-- Changes are handed out under the partition's head row, which is locked until the
-- projection commits, so none becomes visible after a later one.
SELECT o.partition, o.change, o.account, o.order_id, o.order_group, o.status, o.stage, o.triggers,
       o.ripens_at, o.overlay, o.courier_state, o.channel, o.version, o.created_at, o.updated_at
FROM unnest($1::smallint[], $2::bigint[]) AS cursor (partition, change)
CROSS JOIN LATERAL (
    SELECT * FROM read.orders AS candidate
    WHERE candidate.partition = cursor.partition AND candidate.change > cursor.change
    ORDER BY candidate.change LIMIT $3
) AS o
ORDER BY o.partition, o.change
