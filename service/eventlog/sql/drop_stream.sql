-- Give up what queues in a stream that is set aside, and record which versions that were.
--   $1 text    consumer
--   $2 uuid    stream
--   $3 bigint  position of the partition up to which events were passed over
WITH gone AS (
    DELETE FROM eventlog.parked_streams WHERE consumer = $1 AND stream_id = $2
    RETURNING stream_id, version, reason
)
INSERT INTO eventlog.dropped_events (consumer, stream_id, first_version, last_version, reason)
SELECT $1, g.stream_id, g.version, max(e.version), g.reason
FROM gone AS g JOIN eventlog.events AS e USING (stream_id)
WHERE e.version >= g.version AND e.position <= $3
GROUP BY g.stream_id, g.version, g.reason
