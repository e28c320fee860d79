-- Delete what is kept elsewhere of the orders first seen in a month, before it leaves the log.
--   $1 date  first of the month
--
-- That personal data was erased stays known: an order that is told of again must not
-- bring it back.
WITH orders AS MATERIALIZED (
    SELECT stream_id, account, order_id FROM eventlog.streams
    WHERE stream_id >= eventlog.start_of($1) AND stream_id < eventlog.end_of($1)
),
timelines AS (
    DELETE FROM read.timeline
    WHERE stream_id >= eventlog.start_of($1) AND stream_id < eventlog.end_of($1)
),
read_models AS (
    DELETE FROM read.orders
    WHERE stream_id >= eventlog.start_of($1) AND stream_id < eventlog.end_of($1)
),
customers AS (
    DELETE FROM private.customer_data AS c USING orders AS o
    WHERE c.account = o.account AND c.order_id = o.order_id AND c.erased_at IS NULL
),
calls AS (
    DELETE FROM react.calls
    WHERE stream_id >= eventlog.start_of($1) AND stream_id < eventlog.end_of($1)
    RETURNING call_id
)
DELETE FROM react.attempts AS a USING calls AS c WHERE a.call_id = c.call_id
