-- The events of the streams of a range, each stream's in order, as far as some positions.
--   $1 uuid      first stream
--   $2 uuid      last stream
--   $3 bigint[]  position of each partition up to which to read, from partition 0 on
SELECT e.stream_id, e.partition, e.position, e.version, e.type, e.schema_version, e.data,
       e.occurred_at, e.recorded_at
FROM eventlog.events AS e
WHERE e.stream_id BETWEEN $1 AND $2 AND e.position <= ($3::bigint[])[e.partition + 1]
ORDER BY e.stream_id, e.version
