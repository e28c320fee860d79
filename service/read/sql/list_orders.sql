-- A page of the orders that pass the filters, the order first seen last coming first.
--   $1 text         account, or null
--   $2 text         status, or null
--   $3 smallint     stage, or null
--   $4 text         courier state, or null
--   $5 text         overlay, or null
--   $6 timestamptz  changed at or after, or null
--   $7 text         beginning of the order id, or null
--   $8 timestamptz  now: what has ripened by then stands in stage 5
--   $9 uuid         stream id of the last order of the page before, or null
--   $10 integer     orders
--
-- A stream id begins with the time of first sight and never changes, so an order that
-- changes while somebody pages is neither shown twice nor missed.
SELECT o.stream_id, o.account, o.order_id, o.order_group, o.status, o.stage, o.triggers,
       o.ripens_at, o.overlay, o.courier_state, o.channel, o.version, o.created_at, o.updated_at
FROM read.orders AS o
WHERE ($1::text IS NULL OR o.account = $1)
    AND ($2::text IS NULL OR o.status = $2)
    AND (
        $3::smallint IS NULL
        OR (o.stage = $3 AND (o.ripens_at IS NULL OR o.ripens_at > $8::timestamptz))
        OR ($3 = 5 AND o.ripens_at <= $8)
    )
    AND ($4::text IS NULL OR o.courier_state = $4)
    AND ($5::text IS NULL OR o.overlay = $5)
    AND ($6::timestamptz IS NULL OR o.updated_at >= $6 OR o.ripens_at BETWEEN $6 AND $8)
    AND ($7::text IS NULL OR o.order_id ^@ $7)
    AND ($9::uuid IS NULL OR o.stream_id < $9)
ORDER BY o.stream_id DESC
LIMIT $10
