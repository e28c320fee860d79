-- The events of some streams above a version, each stream's in order.
--   $1 text[]  accounts
--   $2 text[]  order ids
--   $3 bigint  version after which to start
SELECT s.account, s.order_id, e.partition, e.position, e.stream_id, e.version, e.type,
       e.schema_version, e.data, e.metadata, e.occurred_at, e.recorded_at
FROM unnest($1::text[], $2::text[]) AS asked (account, order_id)
JOIN eventlog.streams AS s ON s.account = asked.account AND s.order_id = asked.order_id
JOIN eventlog.events AS e ON e.stream_id = s.stream_id AND e.version > $3
ORDER BY s.account, s.order_id, e.version
