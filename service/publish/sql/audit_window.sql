-- What the log holds in a window of positions of a partition, and how far the partition is.
--   $1 smallint  partition
--   $2 bigint    position above which the window begins
--   $3 bigint    position up to which it goes
--
-- The digest does not depend on the order; `digest_of` in audit_window.py computes the same.
SELECT p.head, count(e.position) AS events,
       coalesce(bit_xor(('x' || left(md5(e.position || '/' || e.stream_id || '-' || e.version), 15))::bit(60)::bigint), 0) AS digest
FROM eventlog.partitions AS p
LEFT JOIN eventlog.events AS e
    ON e.partition = p.partition AND e.position > $2 AND e.position <= $3
WHERE p.partition = $1
GROUP BY p.head
