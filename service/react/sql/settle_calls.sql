-- Settle calls whose outcomes the log holds, and lock their lanes; what is leased otherwise by now stays as it is.
--   $1 uuid[]         stream ids
--   $2 bigint[]       lease tokens
--   $3 uuid[]         call ids
--   $4 text[]         states: done, refused or parked
--   $5 timestamptz[]  when each is settled
WITH told AS (
    SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::text[], $5::timestamptz[])
        AS told (stream_id, lease_token, call_id, state, settled_at)
),
held AS (
    SELECT lane.lease_token FROM react.lanes AS lane JOIN told USING (stream_id, lease_token)
    ORDER BY lane.stream_id FOR UPDATE OF lane
)
UPDATE react.calls AS call SET state = told.state, settled_at = told.settled_at
FROM told JOIN held USING (lease_token)
WHERE call.call_id = told.call_id
RETURNING told.lease_token
