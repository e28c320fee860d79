-- Which events the log holds in a window of positions of a partition.
--   $1 smallint  partition
--   $2 bigint    position above which the window begins
--   $3 bigint    position up to which it goes
--
-- `digest_of` in audit_window.py computes the same digest.
SELECT e.position,
       ('x' || left(md5(e.position || '/' || e.stream_id || '-' || e.version || '/' || e.data::text), 15))::bit(60)::bigint AS digest
FROM eventlog.events AS e
WHERE e.partition = $1 AND e.position > $2 AND e.position <= $3
