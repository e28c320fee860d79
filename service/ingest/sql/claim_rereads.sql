-- Take up the wishes that are due, the oldest first; nobody else gets them meanwhile.
--   $1 text[]       accounts
--   $2 int          orders of each, at most
--   $3 timestamptz  now
--   $4 timestamptz  end of the lease
WITH due AS (
    SELECT wished.account, wished.order_id
    FROM unnest($1::text[]) AS served (account) CROSS JOIN LATERAL (
        SELECT r.account, r.order_id FROM ingest.rereads AS r
        WHERE r.account = served.account AND least(r.due_at, r.leased_until) <= $3
          AND (r.leased_until IS NULL OR r.leased_until <= $3)
        ORDER BY least(r.due_at, r.leased_until) LIMIT $2
        FOR UPDATE SKIP LOCKED
    ) AS wished
)
UPDATE ingest.rereads AS r
SET due_at = CASE WHEN r.due_at > $3 THEN r.due_at END,
    leased_until = $4, lease_token = nextval('ingest.lease_tokens')
FROM due WHERE r.account = due.account AND r.order_id = due.order_id
RETURNING r.account, r.order_id, r.reason, r.attempts, r.lease_token
