-- The events of some streams from the last one of a type on, each stream's in order; all where there is none.
--   $1 text[]  accounts
--   $2 text[]  order ids
--   $3 text    type
SELECT s.account, s.order_id, e.partition, e.position, e.stream_id, e.version, e.type,
       e.schema_version, e.data, e.metadata, e.occurred_at, e.recorded_at
FROM unnest($1::text[], $2::text[]) AS asked (account, order_id)
JOIN eventlog.streams AS s ON s.account = asked.account AND s.order_id = asked.order_id
CROSS JOIN LATERAL (
    SELECT max(known.version) AS version FROM eventlog.events AS known
    WHERE known.stream_id = s.stream_id AND known.type = $3
) AS last
JOIN eventlog.events AS e ON e.stream_id = s.stream_id AND e.version >= coalesce(last.version, 1)
ORDER BY s.account, s.order_id, e.version
