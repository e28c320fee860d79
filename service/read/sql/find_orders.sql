-- Some orders by their keys; details is null where the caller holds this very state.
--   $1 text[]       accounts
--   $2 text[]       order ids
--   $3 text[]       ETag that the caller holds of each, or ''
--   $4 timestamptz  now
SELECT asked.nth - 1 AS nth, $4::timestamptz AS asked_at, o.stream_id, o.account, o.order_id, o.order_group, o.status, o.stage,
       o.triggers, o.ripens_at, o.overlay, o.courier_state, o.channel, o.version,
       o.created_at, o.updated_at,
       CASE WHEN asked.etag <> format(
           '%s-%s', o.version, CASE WHEN o.ripens_at <= $4 THEN 5 ELSE o.stage END
       ) THEN o.details END AS details
FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS asked (account, order_id, etag, nth)
JOIN read.orders AS o ON o.account = asked.account AND o.order_id = asked.order_id
