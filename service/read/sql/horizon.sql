-- How far the read model is now: the cursor of somebody who has seen everything.
--   $1 timestamptz  now
--
-- A rebuild counts on where the tables before it ended. Where too much differs from them, and
-- in a database that was restored, read.heads is in another file, which voids older cursors.
SELECT pg_relation_filenode('read.heads')::bigint AS generation,
       array(SELECT h.partition FROM read.heads AS h ORDER BY h.partition) AS partitions,
       array(SELECT h.head FROM read.heads AS h ORDER BY h.partition) AS heads,
       ripened.ripens_at, ripened.stream_id
FROM (VALUES (1)) AS always (one)
LEFT JOIN LATERAL (
    SELECT o.ripens_at, o.stream_id FROM read.orders AS o WHERE o.ripens_at <= $1::timestamptz
    ORDER BY o.ripens_at DESC, o.stream_id DESC LIMIT 1
) AS ripened ON true
