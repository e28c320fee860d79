-- The events of the streams of a range, in no order, as far as some positions.
--   $1 uuid      first stream
--   $2 uuid      last stream
--   $3 bigint[]  position of each partition up to which to read, from partition 0 on
SELECT e.partition, e.position, e.stream_id, e.version, e.type, e.schema_version, e.data,
       e.occurred_at, e.recorded_at
FROM eventlog.events AS e
WHERE e.stream_id BETWEEN $1 AND $2 AND e.position <= ($3::bigint[])[e.partition + 1]
