-- Let go of a call that is to be tried again, and of its lane.
--   $1 uuid         call id
--   $2 int          attempts
--   $3 text         state: pending, or unknown where VTEX may have done it
--   $4 timestamptz  when it is due
WITH postponed AS (
    UPDATE react.calls SET attempts = $2, state = $3 WHERE call_id = $1
    RETURNING stream_id
)
UPDATE react.lanes AS lane SET next_at = $4, lease_token = NULL, lease_owner = NULL
FROM postponed WHERE lane.stream_id = postponed.stream_id
