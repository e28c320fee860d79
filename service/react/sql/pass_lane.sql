-- Let go of a lane: its next call is due at once; without any, the lane goes.
--   $1 uuid         stream id
--   $2 timestamptz  now
WITH open AS (
    SELECT EXISTS (
        SELECT FROM react.calls WHERE stream_id = $1 AND state IN ('pending', 'sending', 'unknown')
    ) AS any
),
emptied AS (
    DELETE FROM react.lanes AS lane USING open WHERE lane.stream_id = $1 AND NOT open.any
)
UPDATE react.lanes AS lane SET next_at = $2, lease_token = NULL, lease_owner = NULL
FROM open WHERE lane.stream_id = $1 AND open.any
