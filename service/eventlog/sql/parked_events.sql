-- The events of a stream from a version on, without what they hold.
--   $1 uuid    stream
--   $2 bigint  first version
SELECT e.version, e.position, e.type, e.occurred_at, e.recorded_at FROM eventlog.events AS e
WHERE e.stream_id = $1 AND e.version >= $2 ORDER BY e.version
