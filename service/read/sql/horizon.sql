-- How far the read model is now: the cursor of somebody who has seen everything.
--   $1 timestamptz  now
--
-- A rebuild puts another table in the place of read.orders, where changes are counted
-- anew: the table's own number tells cursors of the one from those of the other.
SELECT 'read.orders'::regclass::oid::bigint AS generation,
       array(SELECT h.partition FROM read.heads AS h ORDER BY h.partition) AS partitions,
       array(SELECT h.head FROM read.heads AS h ORDER BY h.partition) AS heads,
       ripened.ripens_at, ripened.stream_id
FROM (VALUES (1)) AS always (one)
LEFT JOIN LATERAL (
    SELECT o.ripens_at, o.stream_id FROM read.orders AS o WHERE o.ripens_at <= $1::timestamptz
    ORDER BY o.ripens_at DESC, o.stream_id DESC LIMIT 1
) AS ripened ON true
