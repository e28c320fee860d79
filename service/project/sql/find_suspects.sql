-- The orders that may be stuck, each with the other order of its purchase if that is far ahead.
--   $1 text[]       statuses that an order should leave
--   $2 interval[]   the shortest time after which each of them is too long
--   $3 interval     the same for no status
--   $4 text[]       statuses of another order that tell that it is far ahead
--   $5 timestamptz  now
--
-- Most orders are settled: the statuses are given, so that the index leads past those.
WITH standing AS (
    SELECT o.stream_id, o.account, o.order_id, o.order_group, o.status, o.overlay, o.details,
           o.details ->> 'origin' AS origin, o.details ->> 'marketplace_order_id' AS above,
           coalesce((o.details ->> 'status_at')::timestamptz, o.created_at) AS since
    FROM read.orders AS o
    WHERE o.status = ANY ($1) OR o.status IS NULL OR o.overlay = 'in-error'
)
SELECT s.stream_id, s.account, s.order_id, s.status, s.overlay, s.origin, s.since,
       ARRAY(SELECT DISTINCT p ->> 'seller' FROM json_array_elements(s.details -> 'parcels') AS p) AS sellers,
       twin.order_id AS twin_order_id, twin.status AS twin_status, twin.origin AS twin_origin,
       twin.since AS twin_since
FROM standing AS s
LEFT JOIN unnest($1::text[], $2::interval[]) AS allowed (status, shortest) ON allowed.status = s.status
LEFT JOIN LATERAL (
    SELECT t.order_id, t.status, t.details ->> 'origin' AS origin,
           coalesce((t.details ->> 'status_at')::timestamptz, t.created_at) AS since
    FROM read.orders AS t
    WHERE t.order_group = s.order_group AND t.account = s.account AND t.stream_id <> s.stream_id
      AND t.status = ANY ($4)
      AND (t.details ->> 'marketplace_order_id' = s.order_id OR t.order_id = s.above)
    LIMIT 1
) AS twin ON true
WHERE s.overlay = 'in-error' OR twin.order_id IS NOT NULL
   OR s.since < $5::timestamptz - coalesce(allowed.shortest, $3)
