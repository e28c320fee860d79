-- Record what came of a lease that led to a request.
--   $1 uuid         call id
--   $2 bigint       lease token
--   $3 text         result
--   $4 timestamptz  start
--   $5 timestamptz  end
--   $6 smallint     HTTP status
--   $7 text         our code of the error
--   $8 text         VTEX's words, shortened and without personal data
--   $9 interval     for which the account is held
--   $10 text        trace id
INSERT INTO react.attempts (
    call_id, lease_token, result, started_at, ended_at, http_status, error, response, retry_after, trace_id
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
