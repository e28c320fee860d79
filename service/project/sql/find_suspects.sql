-- The orders that may be stuck, each with the other order of its purchase if that is far ahead.
--   $1 text[]       statuses that an order may have for ever
--   $2 text[]       other statuses; '' is none
--   $3 interval[]   the shortest time after which each of them is too long
--   $4 interval     the same for all further statuses
--   $5 text[]       statuses of another order that tell that it is far ahead
--   $6 timestamptz  now
--
-- Which statuses there are is read from the index, a step each: most orders are settled, and
-- are not looked at.
WITH RECURSIVE word AS (
    (SELECT o.status FROM read.orders AS o WHERE o.status IS NOT NULL ORDER BY o.status LIMIT 1)
    UNION ALL
    SELECT (SELECT o.status FROM read.orders AS o WHERE o.status > word.status ORDER BY o.status LIMIT 1)
    FROM word WHERE word.status IS NOT NULL
),
unsettled AS (
    SELECT o.stream_id FROM word JOIN read.orders AS o ON o.status = word.status
    WHERE word.status <> ALL ($1)
    UNION
    SELECT o.stream_id FROM read.orders AS o WHERE o.status IS NULL
    UNION
    SELECT o.stream_id FROM read.orders AS o WHERE o.overlay = 'in-error'
),
standing AS (
    SELECT o.stream_id, o.account, o.order_id, o.order_group, o.status, o.overlay, o.details,
           o.details ->> 'origin' AS origin, o.details ->> 'marketplace_order_id' AS above,
           coalesce((o.details ->> 'status_at')::timestamptz, o.created_at) AS since
    FROM unsettled JOIN read.orders AS o USING (stream_id)
),
allowed AS (
    SELECT * FROM unnest($2::text[], $3::interval[]) AS allowed (status, shortest)
)
SELECT s.stream_id, s.account, s.order_id, s.status, s.overlay, s.origin, s.since,
       ARRAY(SELECT DISTINCT p ->> 'seller' FROM json_array_elements(s.details -> 'parcels') AS p) AS sellers,
       twin.order_id AS twin_order_id, twin.status AS twin_status, twin.origin AS twin_origin,
       twin.since AS twin_since
FROM standing AS s
LEFT JOIN allowed ON allowed.status = coalesce(s.status, '')
LEFT JOIN LATERAL (
    SELECT t.order_id, t.status, t.details ->> 'origin' AS origin,
           coalesce((t.details ->> 'status_at')::timestamptz, t.created_at) AS since
    FROM read.orders AS t
    WHERE t.order_group = s.order_group AND t.account = s.account AND t.stream_id <> s.stream_id
      AND t.status = ANY ($5)
      AND (t.details ->> 'marketplace_order_id' = s.order_id OR t.order_id = s.above)
    LIMIT 1
) AS twin ON true
WHERE s.overlay = 'in-error' OR twin.order_id IS NOT NULL
   OR s.since < $6 - coalesce(allowed.shortest, $4)
