-- The next events of the orders first seen in a month, order by order.
--   $1 date    first of the month
--   $2 uuid    stream after which to go on, or null
--   $3 bigint  version after which to go on there
--   $4 integer how many
SELECT s.account, s.order_id, e.partition, e.position, e.stream_id, e.version, e.type,
       e.schema_version, e.event_key, e.data, e.metadata, e.occurred_at, e.recorded_at
FROM eventlog.events AS e JOIN eventlog.streams AS s ON s.stream_id = e.stream_id
WHERE e.stream_id >= coalesce($2, eventlog.start_of($1)) AND e.stream_id < eventlog.end_of($1)
  AND (e.stream_id, e.version) > (coalesce($2, eventlog.start_of($1)), $3)
ORDER BY e.stream_id, e.version LIMIT $4
