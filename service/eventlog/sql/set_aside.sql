-- Which versions a consumer has not handled though it went on: set aside (no last one), or dropped.
--   $1 text  consumer
SELECT stream_id, version AS first_version, NULL::bigint AS last_version
FROM eventlog.parked_streams WHERE consumer = $1
UNION ALL
SELECT stream_id, first_version, last_version FROM eventlog.dropped_events WHERE consumer = $1
ORDER BY stream_id, first_version
