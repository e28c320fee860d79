-- Put a refused or parked call back into the queue, and return what was put back.
--   $1 uuid         call id
--   $2 timestamptz  now
--
-- The parked calls about the same invoice come back with it. VTEX may have done any of
-- them meanwhile, so each looks at the order first.
WITH replayed AS (
    UPDATE react.calls AS call
    SET state = 'unknown', attempts = 0, deadline = NULL, outcome = NULL, settled_at = NULL,
        replays = call.replays + 1
    FROM react.calls AS wanted
    WHERE wanted.call_id = $1 AND wanted.state IN ('refused', 'parked')
      AND call.stream_id = wanted.stream_id
      AND (
          call.call_id = wanted.call_id
          OR wanted.kind = 'invoice' AND call.state = 'parked'
             AND call.kind IN ('tracking-number', 'tracking')
             AND call.request ->> 'invoice_number' = wanted.request ->> 'invoice_number'
      )
    RETURNING call.call_id, call.stream_id, call.account
),
lane AS (
    INSERT INTO react.lanes AS lane (stream_id, account, next_at)
    SELECT DISTINCT stream_id, account, $2::timestamptz FROM replayed
    ON CONFLICT (stream_id) DO UPDATE
    -- Not while somebody works on the order: next_at is the end of the lease then.
    SET next_at = CASE WHEN lane.lease_token IS NULL THEN excluded.next_at ELSE lane.next_at END
)
SELECT call_id FROM replayed
