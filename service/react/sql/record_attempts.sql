-- Keep what came of calls; return of each whether its lease is held still, and whether it says anything new.
--   $1 uuid[]          stream ids
--   $2 bigint[]        lease tokens
--   $3 uuid[]          call ids
--   $4 int[]           attempts by now
--   $5 text[]          outcomes, JSON; null where the call is to be tried again
--   $6 text[]          states then: pending, or unknown where VTEX may have done it
--   $7 timestamptz[]   when they are due then
--   $8 text[]          results; null where no request was made
--   $9 timestamptz[]   start of each attempt
--   $10 timestamptz[]  its end
--   $11 smallint[]     HTTP status
--   $12 text[]         our code of the error
--   $13 text[]         VTEX's words, shortened and without personal data
--   $14 interval[]     for which the account is held
--   $15 text[]         trace ids
--
-- Whoever leases the lane of a call with an outcome need only tell the log. An attempt is
-- kept even of a lost lease, for the request was made, and once: the same may be told again
-- by somebody who does not know whether it was kept.
WITH ended AS (
    SELECT * FROM unnest(
        $1::uuid[], $2::bigint[], $3::uuid[], $4::int[], $5::text[], $6::text[], $7::timestamptz[], $8::text[],
        $9::timestamptz[], $10::timestamptz[], $11::smallint[], $12::text[], $13::text[], $14::interval[], $15::text[]
    ) AS ended (
        stream_id, lease_token, call_id, attempts, outcome, state, again_at, result,
        started_at, ended_at, http_status, error, response, retry_after, trace_id
    )
),
held AS (
    SELECT lane.lease_token FROM react.lanes AS lane JOIN ended USING (stream_id, lease_token)
    ORDER BY lane.stream_id FOR UPDATE OF lane
),
attempted AS (
    INSERT INTO react.attempts (
        call_id, lease_token, result, started_at, ended_at, http_status, error, response, retry_after, trace_id
    )
    SELECT call_id, lease_token, result, started_at, ended_at, http_status, error, response, retry_after, trace_id
    FROM ended WHERE result IS NOT NULL
    ON CONFLICT DO NOTHING
    RETURNING lease_token
),
kept AS (
    UPDATE react.calls AS call
    SET attempts = ended.attempts, outcome = ended.outcome::json, state = coalesce(ended.state, call.state)
    FROM ended JOIN held USING (lease_token) WHERE call.call_id = ended.call_id
),
postponed AS (
    UPDATE react.lanes AS lane SET next_at = ended.again_at, lease_token = NULL, lease_owner = NULL
    FROM ended JOIN held USING (lease_token)
    WHERE lane.stream_id = ended.stream_id AND ended.outcome IS NULL
)
SELECT ended.lease_token, held.lease_token IS NOT NULL AS is_held,
       attempted.lease_token IS NOT NULL OR (ended.result IS NULL AND held.lease_token IS NOT NULL) AS is_news
FROM ended LEFT JOIN held USING (lease_token) LEFT JOIN attempted USING (lease_token)
