-- Keep the orders that are stuck now, and no others; say which of them were not before.
--   $1 uuid[]         stream ids
--   $2 text[]         accounts
--   $3 text[]         order ids
--   $4 text[]         reasons
--   $5 text[]         statuses
--   $6 timestamptz[]  since when
--   $7 interval[]     longest time expected, or null
--   $8 text[]         order ids of the others of their purchases, or null
--   $9 text[]         statuses of those
WITH found AS (
    SELECT * FROM unnest(
        $1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::interval[],
        $8::text[], $9::text[]
    ) AS found (stream_id, account, order_id, reason, status, since, expected, other_order_id, other_status)
),
gone AS (
    DELETE FROM read.stuck AS s WHERE s.stream_id <> ALL ($1::uuid[])
)
INSERT INTO read.stuck AS s
    (stream_id, account, order_id, reason, status, since, expected, other_order_id, other_status)
SELECT f.* FROM found AS f
ON CONFLICT (stream_id) DO UPDATE
SET reason = EXCLUDED.reason, status = EXCLUDED.status, since = EXCLUDED.since, expected = EXCLUDED.expected,
    other_order_id = EXCLUDED.other_order_id, other_status = EXCLUDED.other_status
RETURNING s.stream_id, s.xmax = 0 AS new
