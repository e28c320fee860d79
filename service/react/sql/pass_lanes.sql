-- Let go of lanes: the next call of each is due at once; one without any goes.
--   $1 uuid[]         stream ids
--   $2 timestamptz[]  when each is let go
--
-- A statement of its own, after the one that locked the lanes: it sees the calls that
-- others put behind the last one until then.
WITH passed AS (
    SELECT passed.stream_id, passed.at, EXISTS (
        SELECT FROM react.calls AS call
        WHERE call.stream_id = passed.stream_id AND call.state IN ('pending', 'sending', 'unknown')
    ) AS is_open
    FROM unnest($1::uuid[], $2::timestamptz[]) AS passed (stream_id, at)
),
emptied AS (
    DELETE FROM react.lanes AS lane USING passed WHERE lane.stream_id = passed.stream_id AND NOT passed.is_open
)
UPDATE react.lanes AS lane SET next_at = passed.at, lease_token = NULL, lease_owner = NULL
FROM passed WHERE lane.stream_id = passed.stream_id AND passed.is_open
