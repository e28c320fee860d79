-- The orders that time alone moved to stage 5, in the order in which it did.
--   $1 timestamptz  ripening seen last
--   $2 uuid         and the order that ripened then
--   $3 timestamptz  now
--   $4 integer      orders
SELECT o.stream_id, o.account, o.order_id, o.order_group, o.status, o.stage, o.triggers,
       o.ripens_at, o.overlay, o.courier_state, o.channel, o.version, o.created_at, o.updated_at
FROM read.orders AS o
WHERE (o.ripens_at, o.stream_id) > ($1::timestamptz, $2::uuid) AND o.ripens_at <= $3
ORDER BY o.ripens_at, o.stream_id
LIMIT $4
