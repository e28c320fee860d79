-- Lease the lanes that are due, and return the oldest call of each, marked as being sent.
--   $1 text[]       accounts that this process serves
--   $2 int[]        calls of each that it has in flight
--   $3 int[]        further calls of each that it may take
--   $4 int          calls that it may take in all
--   $5 text         name of the process
--   $6 timestamptz  now
--   $7 timestamptz  end of the lease
--
-- Accounts take turns, and one with many calls in flight comes after one with few.
-- Of an account whose breaker is not closed, whoever locks its row takes one call as a
-- probe, and pauses the account for all others until that is back.
WITH served AS (
    SELECT * FROM unnest($1::text[], $2::int[], $3::int[]) AS served (account, in_flight, room)
),
probing AS (
    SELECT destination.account FROM react.destinations AS destination
    WHERE destination.account = ANY ($1) AND destination.breaker <> 'closed' AND destination.paused_until <= $6
    FOR UPDATE SKIP LOCKED
),
permitted AS (
    SELECT served.account, served.in_flight, least(served.room, $4) AS room
    FROM served JOIN react.destinations AS destination USING (account)
    WHERE destination.breaker = 'closed' AND coalesce(destination.paused_until <= $6, true)
    UNION ALL
    SELECT served.account, served.in_flight, least(served.room, 1)
    FROM served JOIN probing USING (account)
),
candidate AS (
    SELECT due.stream_id, due.next_at,
           permitted.in_flight + row_number() OVER (PARTITION BY permitted.account ORDER BY due.next_at) AS turn
    FROM permitted CROSS JOIN LATERAL (
        SELECT lane.stream_id, lane.next_at FROM react.lanes AS lane
        WHERE lane.account = permitted.account AND lane.next_at <= $6
        ORDER BY lane.next_at LIMIT permitted.room
        FOR UPDATE SKIP LOCKED
    ) AS due
),
chosen AS (
    SELECT candidate.stream_id FROM candidate ORDER BY candidate.turn, candidate.next_at LIMIT $4
),
leased AS (
    UPDATE react.lanes AS lane
    SET lease_owner = $5, lease_token = nextval('react.lease_tokens'), next_at = $7
    FROM chosen WHERE lane.stream_id = chosen.stream_id
    RETURNING lane.stream_id, lane.account, lane.lease_token
),
probe AS (
    UPDATE react.destinations AS destination SET breaker = 'half-open', paused_until = $7
    FROM leased JOIN probing USING (account)
    WHERE destination.account = leased.account
),
oldest AS (
    SELECT leased.lease_token, call.call_id, call.state
    FROM leased CROSS JOIN LATERAL (
        SELECT call.call_id, call.state FROM react.calls AS call
        WHERE call.stream_id = leased.stream_id AND call.state IN ('pending', 'sending', 'unknown')
        ORDER BY call.cause_version, call.kind LIMIT 1
    ) AS call
)
UPDATE react.calls AS call
SET state = 'sending',
    deadline = coalesce(call.deadline, $6 + call.patience),
    -- An attempt whose worker died is recorded nowhere else.
    attempts = call.attempts + (oldest.state = 'sending' AND call.outcome IS NULL)::int
FROM oldest
WHERE call.call_id = oldest.call_id
RETURNING call.call_id, call.stream_id, call.account, call.order_id, call.cause_version, call.kind, call.request,
    call.attempts, call.deadline, call.outcome, call.replays, call.correlation_id, call.traceparent,
    oldest.lease_token, oldest.state <> 'pending' AS outcome_unknown,
    call.kind IN ('tracking-number', 'tracking') AND coalesce((
        SELECT invoice.state IN ('refused', 'parked') FROM react.calls AS invoice
        WHERE invoice.stream_id = call.stream_id AND invoice.kind = 'invoice'
          AND invoice.cause_version < call.cause_version
          AND invoice.request ->> 'invoice_number' = call.request ->> 'invoice_number'
        ORDER BY invoice.cause_version DESC LIMIT 1
    ), false) AS waits_for_invoice
