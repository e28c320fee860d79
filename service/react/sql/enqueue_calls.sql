-- Put calls into the queue, each once; a call that is there already stays as it is.
--   $1 uuid[]      call ids
--   $2 uuid[]      stream ids
--   $3 text[]      accounts
--   $4 text[]      order ids
--   $5 bigint[]    version of each cause
--   $6 text[]      kinds
--   $7 text[]      requests, JSON
--   $8 interval[]  patience with each
--   $9 text[]      correlation ids
--   $10 text[]     traceparents
--   $11 timestamptz  now
--
-- DO UPDATE, although there is nothing to update: it locks the lane, so that a worker
-- that is about to remove it as empty waits for us, and then sees the new call.
WITH queued AS (
    INSERT INTO react.calls (
        call_id, stream_id, account, order_id, cause_version, kind, request, patience,
        correlation_id, traceparent, created_at
    )
    SELECT planned.call_id, planned.stream_id, planned.account, planned.order_id, planned.cause_version,
           planned.kind, planned.request::json, planned.patience, planned.correlation_id, planned.traceparent, $11
    FROM unnest(
        $1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::interval[],
        $9::text[], $10::text[]
    ) AS planned (
        call_id, stream_id, account, order_id, cause_version, kind, request, patience,
        correlation_id, traceparent
    )
    ON CONFLICT (stream_id, cause_version, kind) DO NOTHING
    RETURNING stream_id, account
),
known AS (
    INSERT INTO react.destinations (account) SELECT DISTINCT account FROM queued
    ON CONFLICT DO NOTHING
)
INSERT INTO react.lanes AS lane (stream_id, account, next_at)
SELECT DISTINCT stream_id, account, $11::timestamptz FROM queued ORDER BY stream_id
ON CONFLICT (stream_id) DO UPDATE SET next_at = lane.next_at WHERE false
